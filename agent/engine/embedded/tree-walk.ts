import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';

export interface TreeEntry {
  /** Relative to the root, `.` for the root itself. */
  path: string;
  type: 'directory' | 'file' | 'symlink' | 'link';
  stats: BigIntStats;
  /** A symlink's target, or the path of the first name of a hard-linked file. */
  target: string | null;
}

/**
 * Yields every entry below a directory in a fixed order, parents first. Skips sockets, which belong to a running
 * process. Devices and FIFOs throw `pack_failed`: this engine does not support them.
 */
export async function* walkTree(root: string): AsyncGenerator<TreeEntry> {
  const firstNames = new Map<string, string>();
  yield* walk(root, '.', firstNames);
}

async function* walk(root: string, path: string, firstNames: Map<string, string>): AsyncGenerator<TreeEntry> {
  const absolute = join(root, path);
  const stats = await lstat(absolute, { bigint: true });
  if (stats.isDirectory()) {
    yield { path, type: 'directory', stats, target: null };
    const names = (await readdir(absolute)).sort((a, b) => (a < b ? -1 : 1));
    for (const name of names) yield* walk(root, path === '.' ? name : `${path}/${name}`, firstNames);
  } else if (stats.isSymbolicLink()) {
    yield { path, type: 'symlink', stats, target: await readlink(absolute) };
  } else if (stats.isFile()) {
    const inode = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1n ? firstNames.get(inode) : undefined;
    if (first !== undefined) yield { path, type: 'link', stats, target: first };
    else {
      firstNames.set(inode, path);
      yield { path, type: 'file', stats, target: null };
    }
  } else if (!stats.isSocket()) {
    throw new StackferryError('pack_failed', `The embedded engine cannot carry a device or FIFO: ${path}`);
  }
}

/** Modification time in whole milliseconds: the precision that Node can read and set without loss. */
export function mtimeMsOf({ mtimeNs }: BigIntStats): number {
  return Number((mtimeNs + 500_000n) / 1_000_000n);
}

/** Size of the tar that `packTree` makes of a directory, without extra headers for long names. */
export async function measureTree(root: string): Promise<number> {
  let bytes = 1024;
  for await (const { type, stats } of walkTree(root)) {
    // Each entry has its own header and a pax header with one record.
    bytes += 3 * 512 + (type === 'file' ? Math.ceil(Number(stats.size) / 512) * 512 : 0);
  }
  return bytes;
}
