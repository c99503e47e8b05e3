import { existsSync } from 'node:fs';
import { constants, type FileHandle, lstat, open, readdir, realpath, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../schema/errors.ts';
import { below, type Reach } from '../schema/exclude-pattern.ts';
import { mountsBelow } from './mounts.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Removes a directory tree, and the link that led to it. Never follows any other link nor enters a mount below it:
 * throws `resource_taken` with its path, and for a mount found beforehand, before anything is deleted. A missing path
 * counts as removed. `spared`: what patterns leave out of it stays, with the directories that it is in; returns false if
 * something did.
 */
export async function removeTree(path: string, spared: readonly Reach[] = []): Promise<boolean> {
  const there = await lstat(path).catch(unlessAbsent);
  if (!there) return true;
  const directory = await realpath(path).catch(unlessAbsent);
  const isGone = directory === null || (await removeDirectory(directory, spared));
  if (isGone && there.isSymbolicLink()) await unlink(path);
  return isGone;
}

async function removeDirectory(directory: string, spared: readonly Reach[]): Promise<boolean> {
  const mounts = await mountsBelow(directory);
  if (mounts.length > 0) throw mountedIn(directory, mounts);
  const root = await open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { dev } = await root.stat();
    if (!(await removeContents(root, directory, dev, spared))) return false;
  } finally {
    await root.close();
  }
  await rmdir(directory);
  return true;
}

/**
 * Works through the open directory, so a swap for a link meanwhile can't redirect the deletion. Returns true if nothing is
 * left in it.
 */
async function removeContents(
  directory: FileHandle,
  path: string,
  device: number,
  spared: readonly Reach[],
): Promise<boolean> {
  let isEmpty = true;
  const at = hasDescriptors ? `/proc/self/fd/${directory.fd}/` : `${path}/`;
  for (const name of await readdir(at, { encoding: 'buffer' })) {
    const inside = below(spared, name.toString('latin1'));
    if (inside === null) {
      isEmpty = false;
      continue;
    }
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
      if (!(await removeContents(inner, shown, device, inside))) {
        isEmpty = false;
        continue;
      }
    } finally {
      await inner.close();
    }
    await rmdir(entry);
  }
  return isEmpty;
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
