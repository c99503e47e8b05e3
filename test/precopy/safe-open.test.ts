import { constants } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBeneath, renameInside } from '../../agent/precopy/safe-open.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

const { O_CREAT, O_RDWR } = constants;

async function volume() {
  const dir = await temporaryDirectory();
  const root = join(dir, 'volume');
  await mkdir(join(root, 'a/b'), { recursive: true });
  await mkdir(join(dir, 'outside'));
  await writeFile(join(dir, 'outside/secret'), 'secret');
  return { root, outside: join(dir, 'outside') };
}

const put = async (root: string, path: string) => {
  const file = await openBeneath(root, path, O_RDWR | O_CREAT, { mode: 0o600, makeDirectories: true });
  await file.write('x');
  await file.close();
};

describe('a file inside a volume', () => {
  it('is made with the directories on its way', async () => {
    const { root } = await volume();
    await put(root, 'a/b/c/d/file');
    expect(await readFile(join(root, 'a/b/c/d/file'), 'utf8')).toBe('x');
  });

  it('B33 is never reached through a link, whether in the middle or at the end', async () => {
    const { root, outside } = await volume();
    await symlink(outside, join(root, 'a/way'));
    await symlink(join(outside, 'secret'), join(root, 'a/file'));
    await expect(put(root, 'a/way/new')).rejects.toMatchObject({ code: expect.stringMatching(/ELOOP|ENOTDIR/) });
    await expect(put(root, 'a/way/more/new')).rejects.toMatchObject({ code: expect.stringMatching(/ELOOP|ENOTDIR/) });
    await expect(put(root, 'a/file')).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  it('gets another name in its directory, and has it when asked again; one that is not there is an error', async () => {
    const { root } = await volume();
    await put(root, 'a/old');
    for (let asked = 0; asked < 2; asked++) await renameInside(root, 'a/old', 'a/new');
    expect(await readdir(join(root, 'a'))).toEqual(['b', 'new']);
    await expect(renameInside(root, 'a/old', 'a/other')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('B33 is not renamed through a link, nor to or from what is no path', async () => {
    const { root, outside } = await volume();
    await symlink(outside, join(root, 'a/way'));
    await expect(renameInside(root, 'a/way/secret', 'a/way/mine')).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(renameInside(root, 'a/..', 'a/mine')).rejects.toThrow('not a path inside a volume');
    await expect(renameInside(root, 'a/b', 'a/..')).rejects.toThrow('not a path inside a volume');
    expect(await readdir(outside)).toEqual(['secret']);
  });

  it.each(['../outside/secret', '/etc/passwd', 'a/../../outside/x', 'a//b', 'a/./b', '', 'a/', 'a\0b'])(
    'B33 is not one called %j',
    async (path) => {
      const { root } = await volume();
      await expect(put(root, path)).rejects.toThrow('not a path inside a volume');
    },
  );
});
