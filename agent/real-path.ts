import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { limits } from '../schema/limits.ts';

/** Without symbolic links, as far as it exists. Of a link that leads nowhere yet, where it would lead. */
export const realOf = (path: string): Promise<string> => follow(path, limits.agent.pathLinksMax);

async function follow(path: string, linksLeft: number): Promise<string> {
  const parent = dirname(path);
  return realpath(path).catch(async () => {
    if (parent === path) return path;
    const here = await follow(parent, linksLeft);
    const link = linksLeft > 0 ? await readlink(join(here, basename(path))).catch(() => null) : null;
    return link === null ? join(here, basename(path)) : follow(resolve(here, link), linksLeft - 1);
  });
}
