import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { writeFileAtomically } from '../node/atomic-file.ts';

/**
 * Storage of journal and ledger. Once a promise has resolved, its write survives a power loss; before that, the write
 * may be complete, partial or missing.
 */
export interface Disk {
  /** Null if the file does not exist. */
  read(path: string): Promise<string | null>;
  /** Returns the names of the files in a directory, which is created if missing. */
  list(directory: string): Promise<string[]>;
  /** Atomic: the file holds either the old or the new text, complete. */
  replace(path: string, text: string): Promise<void>;
  openToAppend(path: string): Promise<AppendedFile>;
}

export interface AppendedFile {
  /** One write, then a sync: a crash leaves at most one torn record, the last. */
  append(text: string): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  read: (path) =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    }),
  list: async (directory) => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await readdir(directory);
  },
  replace: (path, text) => writeFileAtomically(path, text),
  openToAppend: async (path) => {
    const file = await open(path, 'a', 0o600);
    return {
      append: async (text) => {
        await file.appendFile(text);
        await file.datasync();
      },
      close: () => file.close(),
    };
  },
};
