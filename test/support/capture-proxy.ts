import { createWriteStream } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';

/** A TCP proxy that writes every byte that passes it, in either direction, to a file. */
export async function startCaptureProxy(
  listen: { host: string; port: number },
  target: { host: string; port: number },
  file: string,
): Promise<{ close(): Promise<void> }> {
  const capture = createWriteStream(file);
  const server: Server = createServer((near) => {
    const far = connect(target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => capture.write(bytes));
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(listen.port, listen.host, resolve));
  return {
    close: async () => {
      server.close();
      await new Promise<void>((resolve) => capture.end(resolve));
    },
  };
}
