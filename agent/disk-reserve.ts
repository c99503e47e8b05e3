import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessageOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import type { Disk } from './disk.ts';
import type { Log } from './log.ts';

/**
 * F22: a host whose disk is full must still be able to write down that it puts its stack back. A file of real bytes
 * keeps some room for that; it is given up the first time a record does not fit, and made anew at the agent's next start.
 */
export async function keepDiskReserve(disk: Disk, stateDir: string, log: Log): Promise<Disk> {
  const reserve = join(stateDir, 'reserve');
  await writeFile(reserve, Buffer.alloc(limits.agent.diskReserveBytes, 1), { mode: 0o600, flush: true }).catch(
    (error: unknown) => log.warn(`no room could be reserved for the journal: ${errorMessageOf(error)}`),
  );

  /** Runs it again with the reserve's room where it found none. */
  const withReserve = async (write: (attempt: 1 | 2) => Promise<void>): Promise<void> => {
    try {
      await write(1);
    } catch (error) {
      if (!isFull(error)) throw error;
      log.error('the disk is full: the room kept for the journal is given up');
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
        // The first attempt may have left part of the record: it must not run into the second.
        append: (text) => withReserve((attempt) => file.append(attempt === 1 ? text : `\n${text}`)),
      };
    },
  };
}

function isFull(error: unknown): boolean {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string };
  return code === 'ENOSPC' || code === 'EDQUOT';
}
