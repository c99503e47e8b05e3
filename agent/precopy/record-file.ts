import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** A file of NUL-terminated records, written one by one. */
export function recordFile(file: string) {
  const stream = createWriteStream(file, { encoding: 'latin1', mode: 0o600 });
  let count = 0;
  return {
    async add(record: string): Promise<void> {
      count += 1;
      if (!stream.write(`${record}\0`)) await once(stream, 'drain');
    },
    /** Returns the number of records. */
    async end(): Promise<number> {
      stream.end();
      await finished(stream);
      return count;
    },
  };
}

/** A list of paths for tar and xargs, relative to the tree. */
export function pathList(file: string) {
  const { add, end } = recordFile(file);
  return { add: (path: string) => add(`./${path}`), end };
}
