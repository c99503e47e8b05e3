import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A wire to the real control plane that drops answers: what was asked has been done, but nobody hears of it. */
export interface LossyWire {
  url: string;
  /** Answers of POSTs that still get lost on the way. */
  toLose: number;
  /** The `Idempotency-Key` of each POST that was answered, heard or not. */
  posts: (string | undefined)[];
  close(): void;
}

export async function startLossyWire(controlUrl: string): Promise<LossyWire> {
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request(new URL(path ?? '/', controlUrl), { method, headers }, (answer) => {
      if (method === 'POST') wire.posts.push(headers['idempotency-key'] as string | undefined);
      if (method === 'POST' && wire.toLose-- > 0) return void incoming.socket.destroy();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const wire: LossyWire = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    toLose: 0,
    posts: [],
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return wire;
}
