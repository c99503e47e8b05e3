import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../node/log.ts';
import { errorMessageOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import type { Disk } from './disk.ts';

/**
 * Reserves disk space for the journal and ledger, so that a host with a full disk can still record that it restores its
 * stack (F22). The reserve is a file of real bytes. It is deleted the first time a record does not fit, and created
 * again at the agent's next start.
 */
export async function keepDiskReserve(disk: Disk, stateDir: string, log: Log): Promise<Disk> {
  const reserve = join(stateDir, 'reserve');
  await writeFile(reserve, Buffer.alloc(limits.agent.diskReserveBytes, 1), { mode: 0o600, flush: true }).catch(
    (error: unknown) => log.warn(`no disk space could be reserved for the journal: ${errorMessageOf(error)}`),
  );

  /** Retries a write that found no space, after freeing the reserve. */
  const withReserve = async (write: (attempt: 1 | 2) => Promise<void>): Promise<void> => {
    try {
      await write(1);
    } catch (error) {
      if (!isFull(error)) throw error;
      log.error('the disk is full: freeing the space reserved for the journal');
      await rm(reserve, { force: true });
      await write(2);
    }
  };

  return {
    ...disk,
    replace: (path, text) => withReserve(() => disk.replace(path, text)),
    openToAppend: async (path) => {
      const file = await disk.openToAppend(path);
      return {
        ...file,
        // The first attempt may have written part of the record, which must not run into the second.
        append: (text) => withReserve((attempt) => file.append(attempt === 1 ? text : `\n${text}`)),
      };
    },
  };
}

function isFull(error: unknown): boolean {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string };
  return code === 'ENOSPC' || code === 'EDQUOT';
}
