import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';

/**
 * Returns the absolute path of an archive's entry (B33). Throws `archive_refused` for a name that leaves the root:
 * absolute, with `..`, or through a symlink that the archive itself may have created.
 */
export async function placeBelow(root: string, name: string): Promise<string> {
  if (name.startsWith('/') || name.includes('\0')) throw outside(name);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts.length > limits.agent.embedded.unpackDepthMax) throw outside(name);
  let path = root;
  for (const part of parts.slice(0, -1)) {
    path = join(path, part);
    const stats = await lstat(path).catch(() => null);
    if (!stats?.isDirectory()) throw outside(name);
  }
  const last = parts.at(-1);
  return last === undefined ? root : join(path, last);
}

function outside(name: string): StackferryError {
  return new StackferryError(
    'archive_refused',
    `The archive is refused: ${JSON.stringify(name.slice(0, 200))} would not land below its place.`,
  );
}
