import { chmod, chown, lstat, mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { Reach } from '../../schema/exclude-pattern.ts';
import { markOf } from '../mounts.ts';
import { removeTree } from '../remove-tree.ts';

/**
 * Records which migration created a project directory on this host, and that directory's identity: a path alone does
 * not show whether it was replaced by another directory since (Invariant 5).
 */
export interface CreatedDirectories {
  /**
   * Creates the directory for a migration, or reuses its own. Throws `resource_taken` if anything else exists there.
   */
  claim(path: string, migrationId: string): Promise<void>;
  /** True if the directory is the one this migration claimed. */
  holds(path: string, migrationId: string): Promise<boolean>;
  /** Removes what this migration claimed so that it can be claimed again. Throws as `claim`. */
  empty(path: string, migrationId: string): Promise<void>;
  /**
   * Removes what this migration claimed, after `assertUnused`. A directory that was there before, empty, is there again.
   * If another directory has taken its place, that one stays.
   */
  remove(path: string, migrationId: string, assertUnused?: () => Promise<void>): Promise<void>;
  /**
   * Removes a directory no matter who created it, except what is spared (`removeTree`). Returns false if something stayed
   * for that.
   */
  purge(path: string, spared?: readonly Reach[]): Promise<boolean>;
}

const records = z.record(
  z.string(),
  z.object({
    migration_id: z.string(),
    /** Identifies a directory among later ones at its path; null until it is created. */
    mark: z.string().nullable(),
    /** Of an empty directory that was there before. */
    before: z.object({ uid: z.number(), gid: z.number(), mode: z.number() }).nullable().default(null),
    /** The uppermost directory that was created for it. */
    uppermost: z.string().nullable().default(null),
  }),
);
type Records = z.infer<typeof records>;

/** `recordPath`: a JSON file. */
export function openCreatedDirectories(recordPath: string): CreatedDirectories {
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
    // A crash before the mark was recorded: nothing was put into the directory yet.
    const now = await markOf(path);
    // Gone: an interrupted removal, or between a reset and the next claim.
    return now === null || (record.mark === null ? isFree(path) : record.mark === now);
  };
  const assertUsable = async (path: string, migrationId: string) => {
    if ((await isFree(path)) || (await isOwn(path, migrationId))) return;
    throw new StackferryError('resource_taken', `${path} exists on this host and is left alone.`);
  };
  const forget = (path: string) =>
    change((placed) => {
      delete placed[path];
    });
  return {
    claim: async (path, migrationId) => {
      await assertUsable(path, migrationId);
      const known = (await read())[path];
      const isKnown = known?.migration_id === migrationId;
      const before = isKnown ? known.before : await attributesOf(path);
      const uppermost = isKnown ? known.uppermost : await uppermostAbsent(path);
      // Recorded first: a directory without a record could never be removed again.
      await change((placed) => {
        placed[path] = { migration_id: migrationId, mark: null, before, uppermost };
      });
      await mkdir(path, { recursive: true });
      const mark = await markOf(path);
      await change((placed) => {
        placed[path] = { migration_id: migrationId, mark, before, uppermost };
      });
    },
    holds: async (path, migrationId) => {
      const record = (await read())[path];
      return record?.migration_id === migrationId && record.mark !== null && record.mark === (await markOf(path));
    },
    empty: async (path, migrationId) => {
      await assertUsable(path, migrationId);
      await removeTree(path);
    },
    remove: async (path, migrationId, assertUnused) => {
      if (!(await isOwn(path, migrationId))) return;
      await assertUnused?.();
      const { before, uppermost } = (await read())[path]!;
      await removeTree(path);
      if (before) await restore(path, before);
      else if (uppermost) await removeEmpty(dirname(path), uppermost);
      await forget(path);
    },
    purge: async (path, spared) => {
      const isGone = await removeTree(path, spared);
      await forget(path);
      return isGone;
    },
  };
}

/** True if the path does not exist or is an empty directory. */
export async function isFree(directory: string): Promise<boolean> {
  try {
    const stats = await lstat(directory);
    return stats.isDirectory() && (await readdir(directory)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

type Attributes = NonNullable<Records[string]['before']>;

/** Null if nothing is there. */
async function attributesOf(path: string): Promise<Attributes | null> {
  const stats = await lstat(path).catch(() => null);
  return stats && { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 };
}

async function restore(path: string, { uid, gid, mode }: Attributes): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, uid, gid);
  await chmod(path, mode);
}

/** The uppermost directory on the way to the path that does not exist; null if its parent does. */
async function uppermostAbsent(path: string): Promise<string | null> {
  let found: string | null = null;
  for (let at = dirname(path); (await attributesOf(at)) === null; at = dirname(at)) found = at;
  return found;
}

/** Removes directories from the lowest up, as long as they are empty. */
async function removeEmpty(lowest: string, uppermost: string): Promise<void> {
  for (let at = lowest; at.startsWith(uppermost); at = dirname(at)) {
    const isRemoved = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!isRemoved) return;
  }
}
