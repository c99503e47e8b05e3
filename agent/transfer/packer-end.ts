import type { TarReader } from './tar-ports.ts';

/**
 * Resolves when the tar was read to its end and its packer has succeeded. Either may come first; a failed packer
 * rejects at once. Once one of the two has happened, the other must follow within `msMax`, not counting time in which
 * this side does not read (`paused`).
 */
export function packerEnded(reader: TarReader, msMax: number, paused: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let read = false;
    let exited = false;
    let quietSince = performance.now();
    const check = setInterval(() => {
      if (paused() || (!read && !exited)) quietSince = performance.now();
      if (performance.now() - quietSince > msMax)
        fail(new Error(read ? 'the packer did not exit' : 'the tar does not end'));
    }, msMax / 10);
    const fail = (error: Error) => {
      clearInterval(check);
      reject(error);
    };
    const step = () => {
      quietSince = performance.now();
      if (!read || !exited) return;
      clearInterval(check);
      resolve();
    };
    reader.stream.on('data', () => {
      quietSince = performance.now();
    });
    reader.stream.once('end', () => {
      read = true;
      step();
    });
    reader.stream.once('error', fail);
    reader.stream.once('close', () => read || fail(new Error('the tar was cut off')));
    reader.finished.then(() => {
      exited = true;
      step();
    }, fail);
  });
}

/** Waits until a promise has settled either way, at most `msMax`. */
export async function settled(promise: Promise<unknown>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, msMax);
  });
  await Promise.race([promise.catch(() => {}), late]);
  clearTimeout(timer);
}
