import { existsSync } from 'node:fs';
import { constants, type FileHandle, lstat, open, readdir, realpath, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../schema/errors.ts';
import { mountsBelow } from './mounts.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Removes a directory tree, and the link that led to it. Never follows any other link nor enters a mount below it:
 * throws `resource_taken` with its path, and for a mount found beforehand, before anything is deleted. A missing path
 * counts as removed.
 */
export async function removeTree(path: string): Promise<void> {
  const there = await lstat(path).catch(unlessAbsent);
  if (!there) return;
  const directory = await realpath(path).catch(unlessAbsent);
  if (directory) await removeDirectory(directory);
  if (there.isSymbolicLink()) await unlink(path);
}

async function removeDirectory(directory: string): Promise<void> {
  const mounts = await mountsBelow(directory);
  if (mounts.length > 0) throw mountedIn(directory, mounts);
  const root = await open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { dev } = await root.stat();
    await removeContents(root, directory, dev);
  } finally {
    await root.close();
  }
  await rmdir(directory);
}

/** Works through the open directory, so a swap for a link meanwhile can't redirect the deletion. */
async function removeContents(directory: FileHandle, path: string, device: number): Promise<void> {
  const at = hasDescriptors ? `/proc/self/fd/${directory.fd}/` : `${path}/`;
  for (const name of await readdir(at, { encoding: 'buffer' })) {
    const entry = Buffer.concat([Buffer.from(at), name]);
    const stats = await lstat(entry);
    if (!stats.isDirectory()) {
      await unlink(entry);
      continue;
    }
    const shown = join(path, name.toString('utf8'));
    const inner = await open(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if ((await inner.stat()).dev !== device) throw mountedIn(path, [shown]);
      await removeContents(inner, shown, device);
    } finally {
      await inner.close();
    }
    await rmdir(entry);
  }
}

/** Systems other than Linux only run demonstrations, on paths of their own. */
const hasDescriptors = existsSync('/proc/self/fd');

const mountedIn = (directory: string, mounts: string[]) =>
  new StackferryError(
    'resource_taken',
    `something else is mounted in ${directory}, unmount it first: ${mounts.join(', ')}`,
  );

function unlessAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
