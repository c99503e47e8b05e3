import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { pathBytes } from './delta-stream.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Opens a file below a directory without ever following a symbolic link, component by component: whoever can write in a
 * volume must not lead us out of it, not even by swapping a directory while we walk. A name below an open directory is
 * reached by way of /proc/self/fd, as `openat` would. `makeDirectories` makes what is missing on the way.
 */
export async function openInside(
  root: string,
  path: string,
  flags: number,
  { mode = 0, makeDirectories = false } = {},
): Promise<FileHandle> {
  const names = path.split('/');
  const last = names.pop();
  if (!last || [...names, last].some((name) => name === '' || name === '.' || name === '..' || name.includes('\0')))
    throw new Error(`"${path}" is not a path inside a volume`);
  let directory = await open(root, O_RDONLY | O_DIRECTORY);
  try {
    for (const name of names) {
      const at = below(directory, name);
      if (makeDirectories) await mkdir(at, { mode: 0o700 }).catch(unlessThere);
      const next = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      await directory.close();
      directory = next;
    }
    return await open(below(directory, last), flags | O_NOFOLLOW, mode);
  } finally {
    await directory.close();
  }
}

const below = ({ fd }: FileHandle, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), pathBytes(name)]);

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
