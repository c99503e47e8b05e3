import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { neededIn } from '../../../../agent/engine/docker/facts/needed-paths.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

it('what the stack needs is found under its own path, through links, and below what is left out', async () => {
  const root = await temporaryDirectory();
  const at = (path: string) => join(root, path);
  await mkdir(at('disk/media/v5/data'), { recursive: true });
  await writeFile(at('disk/media/v5/app.env'), '');
  await symlink(at('disk/media'), at('media'));
  await symlink('v5', at('disk/media/current'));
  const leftOut = async (pattern: string, ...paths: string[]) =>
    (await neededIn(at('media'), paths.map(at), [at(pattern)])).map(({ path }) => path);
  expect(await leftOut('media/v5', 'media/v5/data')).toEqual([at('media/v5/data')]);
  // The release that a link names, and a path that names the disk.
  expect(await leftOut('media/v?', 'media/current/data')).toEqual([at('media/current/data')]);
  expect(await leftOut('media/cur*', 'media/current/data')).toEqual([at('media/current/data')]);
  expect(await leftOut('media/v5/**', 'disk/media/v5/app.env')).toEqual([at('disk/media/v5/app.env')]);
  expect(await leftOut('med*', 'media')).toEqual([at('media')]);
  // Beside it, inside it, or elsewhere.
  expect(await leftOut('media/v5/data/**', 'media/v5/data', 'media/v5/app.env', 'other/data')).toEqual([]);
  expect(await leftOut('**/data', 'elsewhere/data')).toEqual([]);
});
