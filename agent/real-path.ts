import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Without symbolic links, as far as it is there. */
export async function realOf(path: string): Promise<string> {
  const parent = dirname(path);
  return realpath(path).catch(async () => (parent === path ? path : join(await realOf(parent), basename(path))));
}
