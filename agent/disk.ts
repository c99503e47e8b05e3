import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { writeFileAtomically } from './atomic-file.ts';

/**
 * Where journal and ledger are kept. What a promise of these resolved for survives a loss of power; what it did not may
 * be there whole, in part, or not at all.
 */
export interface Disk {
  /** null where there is no such file. */
  read(path: string): Promise<string | null>;
  /** Names of the files in a directory, which is made where it is absent. */
  list(directory: string): Promise<string[]>;
  /** Whatever happens, the old or the new text is there, whole. */
  replace(path: string, text: string): Promise<void>;
  openToAppend(path: string): Promise<AppendedFile>;
}

export interface AppendedFile {
  /** One write, then synced: a crash leaves at most one torn record, the last. */
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
