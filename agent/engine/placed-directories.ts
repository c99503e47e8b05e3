import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StackferryError } from '../../schema/errors.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { removeTree } from '../remove-tree.ts';

/**
 * Which migration made a project directory on this host, and which directory that was: a path alone does not say whether
 * somebody has put another one there meanwhile (Invariant 5).
 */
export interface PlacedDirectories {
  /** Makes the directory for a migration, or takes its own again. Throws `resource_taken` where anything else is there. */
  claim(path: string, migrationId: string): Promise<void>;
  /** Removes what this migration claimed, to be claimed anew. Throws as `claim`. */
  empty(path: string, migrationId: string): Promise<void>;
  /** Removes what this migration claimed. Where that is gone already, another's stays. */
  remove(path: string, migrationId: string): Promise<void>;
  /** Removes a directory, whoever made it. */
  purge(path: string): Promise<void>;
}

/** `mark` tells a directory from any later one at its path; null until it is made. */
const records = z.record(z.string(), z.object({ migration_id: z.string(), mark: z.string().nullable() }));
type Records = z.infer<typeof records>;

/** `recordPath`: a JSON file. */
export function createPlacedDirectories(recordPath: string): PlacedDirectories {
  const read = async (): Promise<Records> => {
    const text = await readFile(recordPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return records.parse(JSON.parse(text));
  };
  let tail: Promise<unknown> = Promise.resolve();
  const change = (alter: (placed: Records) => void) => {
    const written = tail.then(async () => {
      const placed = await read();
      alter(placed);
      await writeFileAtomically(recordPath, JSON.stringify(placed));
    });
    tail = written.catch(() => {});
    return written;
  };
  const isOwn = async (path: string, migrationId: string) => {
    const record = (await read())[path];
    if (record?.migration_id !== migrationId) return false;
    // A crash came before the mark was recorded, so nothing was put into it.
    return record.mark === null ? isFree(path) : record.mark === (await markOf(path));
  };
  const assertUsable = async (path: string, migrationId: string) => {
    if ((await isFree(path)) || (await isOwn(path, migrationId))) return;
    throw new StackferryError('resource_taken', `${path} exists on this host and is left alone.`);
  };
  const purge = async (path: string) => {
    await removeTree(path);
    await change((placed) => {
      delete placed[path];
    });
  };
  return {
    claim: async (path, migrationId) => {
      await assertUsable(path, migrationId);
      // Recorded first: a directory without a record could never be removed again.
      await change((placed) => {
        placed[path] = { migration_id: migrationId, mark: null };
      });
      await mkdir(path, { recursive: true });
      const mark = await markOf(path);
      await change((placed) => {
        placed[path] = { migration_id: migrationId, mark };
      });
    },
    empty: async (path, migrationId) => {
      await assertUsable(path, migrationId);
      await removeTree(path);
    },
    remove: async (path, migrationId) => {
      if (await isOwn(path, migrationId)) await purge(path);
    },
    purge,
  };
}

/** Nothing there, or an empty directory. */
export async function isFree(directory: string): Promise<boolean> {
  try {
    const stats = await lstat(directory);
    return stats.isDirectory() && (await readdir(directory)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

/** Inode numbers are given anew, so the time of birth counts too. null where nothing is. */
async function markOf(path: string): Promise<string | null> {
  const stats = await lstat(path, { bigint: true }).catch(() => null);
  return stats && `${stats.ino}:${stats.birthtimeNs}`;
}
