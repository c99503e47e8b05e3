import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** Without symbolic links, as far as it is there. */
export async function realPathOf(path: string): Promise<string> {
  const parent = dirname(path);
  return realpath(path).catch(async () => (parent === path ? path : join(await realPathOf(parent), basename(path))));
}

/** Below the directory, or the directory itself. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, resolve(directory, path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
