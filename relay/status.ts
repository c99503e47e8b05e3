import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { limits } from '../schema/limits.ts';
import type { RelayStatus } from './listener.ts';

/** Serves `GET /status` as JSON on the loopback interface only: counters for monitoring, no addresses, no secrets. */
export async function startStatusPage(options: {
  port: number;
  status: () => RelayStatus;
}): Promise<{ port: number; close(): Promise<void> }> {
  const server = http.createServer({ requestTimeout: limits.relay.answerMsMax }, (request, response) => {
    const known = request.method === 'GET' && request.url === '/status';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(`${JSON.stringify(known ? options.status() : { code: 'not_found' })}\n`);
  });
  server.maxConnections = 16;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
