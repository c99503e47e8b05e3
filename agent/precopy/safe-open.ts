import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename } from 'node:fs/promises';
import { pathBytes } from './delta-stream.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

interface Walk {
  makeDirectories?: boolean;
}

/** Opens a file below a directory, following no symbolic link. Throws for a path that is not inside. */
export function openBeneath(
  root: string,
  path: string,
  flags: number,
  { mode = 0, ...walk }: Walk & { mode?: number } = {},
): Promise<FileHandle> {
  return inDirectoryOf(root, path, walk, (directory, name) => open(below(directory, name), flags | O_NOFOLLOW, mode));
}

/** Throws ENOENT if the name now belongs to a pipe, where a plain open would block, or to a device. */
export async function openRegular(root: string, path: string): Promise<{ file: FileHandle; stats: BigIntStats }> {
  const file = await openBeneath(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat({ bigint: true });
  if (stats.isFile()) return { file, stats };
  await file.close();
  throw Object.assign(new Error(`"${path}" is not a file any more`), { code: 'ENOENT' });
}

/** For `openRegular` in a tree that is written to: null for what is gone, or has become something else. */
export function ifGone(error: NodeJS.ErrnoException): null {
  if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(error.code ?? '')) return null;
  throw error;
}

/** Renames within one directory below `root`; no-op if only the new name exists. */
export async function renameInside(root: string, from: string, to: string): Promise<void> {
  const { name: old } = inside(from);
  await inDirectoryOf(root, to, {}, async (directory, name) => {
    const target = below(directory, name);
    await rename(below(directory, old), target).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await lstat(target);
    });
  });
}

/**
 * Walks component by component: a user who can write to a volume must not redirect the agent out of it, not even by
 * swapping a directory during the walk. Entries of an open directory are reached through /proc/self/fd, like `openat`.
 */
async function inDirectoryOf<T>(
  root: string,
  path: string,
  { makeDirectories = false }: Walk,
  act: (directory: FileHandle, name: string) => Promise<T>,
): Promise<T> {
  const { directories, name: last } = inside(path);
  let directory = await open(root, O_RDONLY | O_DIRECTORY);
  try {
    for (const name of directories) {
      const at = below(directory, name);
      if (makeDirectories) await mkdir(at, { mode: 0o700 }).catch(unlessThere);
      const next = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      await directory.close();
      directory = next;
    }
    return await act(directory, last);
  } finally {
    await directory.close();
  }
}

function inside(path: string): { directories: string[]; name: string } {
  const directories = path.split('/');
  const name = directories.pop();
  if (
    !name ||
    [...directories, name].some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))
  )
    throw new Error(`"${path}" is not a path inside a volume`);
  return { directories, name };
}
const below = ({ fd }: FileHandle, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), pathBytes(name)]);

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
