import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands between a host and its control plane; `bend` answers in its place, true where it did. */
export interface Front {
  url: string;
  bend: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  /** Added to its clock. */
  clockOffMs: number;
  close(): Promise<void>;
}

export async function openFront(controlUrl: string): Promise<Front> {
  const server = createServer(async (incoming, response) => {
    response.setHeader('date', new Date(Date.now() + front.clockOffMs).toUTCString());
    if (await front.bend(incoming, response)) return;
    const { method, headers, url } = incoming;
    const onward = request(new URL(url ?? '/', controlUrl), { method, headers }, (answer) => {
      const { date: _, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('upgrade', (incoming, socket) => {
    const onward = request(new URL(incoming.url ?? '/', controlUrl), { headers: incoming.headers });
    onward.on('upgrade', (answer, upstream) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      upstream.pipe(socket).pipe(upstream);
      for (const end of [socket, upstream]) end.on('error', () => end.destroy());
    });
    onward.on('error', () => socket.destroy());
    onward.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: Front = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bend: () => false,
    clockOffMs: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return front;
}
