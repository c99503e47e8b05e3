import { createServer } from 'node:net';
import { freePort } from '../../cli/local/free-port.ts';

/** A port for `serve` that is free, as are the two after it, which its relay takes. */
export async function portToServe(): Promise<number> {
  for (;;) {
    const port = await freePort('127.0.0.1');
    if ((await isFree(port + 1)) && (await isFree(port + 2))) return port;
  }
}

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
