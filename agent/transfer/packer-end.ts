import type { TarReader } from './tar-ports.ts';

/**
 * Resolves when the tar was read to its end and its packer is content. Either may come first; a packer that failed is
 * a failure at once. Once one of the two is there the other must follow within `msMax`, time in which we do not read
 * (`paused`) not counted.
 */
export function packerEnded(reader: TarReader, msMax: number, paused: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let read = false;
    let exited = false;
    let quietSince = Date.now();
    const check = setInterval(() => {
      if (paused() || (!read && !exited)) quietSince = Date.now();
      if (Date.now() - quietSince > msMax) fail(new Error(read ? 'the packer did not exit' : 'the tar does not end'));
    }, msMax / 10);
    const fail = (error: Error) => {
      clearInterval(check);
      reject(error);
    };
    const step = () => {
      quietSince = Date.now();
      if (!read || !exited) return;
      clearInterval(check);
      resolve();
    };
    reader.stream.on('data', () => {
      quietSince = Date.now();
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
