import { Readable } from 'node:stream';
import type { TarReader } from './tar-ports.ts';

/** Reads what a generator yields. `atClose` is called once the generator has ended, and also if it never began. */
export function readGenerated(
  pieces: AsyncGenerator<Buffer>,
  signal: AbortSignal,
  atClose: () => void = () => {},
): TarReader {
  const stream = Readable.from(pieces, { objectMode: true, highWaterMark: 1 });
  const finished = new Promise<void>((resolve, reject) => {
    stream.once('end', resolve).once('error', reject);
    stream.once('close', () => {
      atClose();
      reject(new Error('the packer was stopped'));
    });
  });
  finished.catch(() => {});
  signal.addEventListener('abort', () => stream.destroy());
  return { stream, finished };
}
