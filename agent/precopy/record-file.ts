import { appendFile, writeFile } from 'node:fs/promises';

/**
 * Bytes of records that are read or written at once. Of a mebibyte, ten thousand strings outlive a collection of the young
 * generation, which then grows to more than 100 MB.
 */
export const recordBytes = 65_536;

/** A file of NUL-terminated records, written one by one. Nothing may be added while an `add` is waited for. */
export function recordFile(file: string) {
  let text = '';
  let count = 0;
  let write: (file: string, bytes: Buffer, options: { mode: number }) => Promise<void> = writeFile;
  const flush = async () => {
    const bytes = Buffer.from(text, 'latin1');
    text = '';
    await write(file, bytes, { mode: 0o600 });
    write = appendFile;
  };
  return {
    /** Returns a promise only if it has to be waited for. */
    add(record: string): Promise<void> | undefined {
      count += 1;
      text += `${record}\0`;
      return text.length < recordBytes ? undefined : flush();
    },
    /** Returns the number of records. */
    async end(): Promise<number> {
      await flush();
      return count;
    },
  };
}

/** A list of paths for tar and xargs, relative to the tree. */
export function pathList(file: string) {
  const { add, end } = recordFile(file);
  return { add: (path: string) => add(`./${path}`), end };
}
