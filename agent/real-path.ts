import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { limits } from '../schema/limits.ts';

/** Resolves symbolic links in the part of the path that exists. A dangling link resolves to where it points. */
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
