import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getCACertificates } from 'node:tls';
import { Agent, fetch } from 'undici';
import { run } from '../support/run.ts';

export interface Registry {
  url: string;
  close(): Promise<void>;
}

/** The npm registry that this machine uses, for machines that reach nothing but this one. */
export async function startRegistry(address: string): Promise<Registry> {
  const upstream = (await run('npm', ['config', 'get', 'registry'])).trim().replace(/\/$/, '');
  // This machine may trust it by its own store alone, as npm does and Node does not.
  const ca = [...getCACertificates('default'), ...getCACertificates('system')];
  const dispatcher = new Agent({ connect: { ca } });
  const server = createServer(async (request, response) => {
    try {
      const headers = { accept: request.headers.accept ?? '*/*' };
      const answer = await fetch(`${upstream}${request.url}`, { headers, dispatcher });
      const body = Buffer.from(await answer.arrayBuffer());
      // Packages are described with the addresses of their archives, which lead here too.
      const isJson = answer.headers.get('content-type')?.includes('json');
      response.writeHead(answer.status).end(isJson ? body.toString().replaceAll(upstream, url) : body);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  });
  await new Promise<void>((listening) => server.listen(0, address, listening));
  const url = `http://${address}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () =>
      new Promise((closed) => {
        server.close(() => void dispatcher.close().then(closed));
        server.closeAllConnections();
      }),
  };
}
