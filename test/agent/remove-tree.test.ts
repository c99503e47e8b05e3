import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { removeTree } from '../../agent/remove-tree.ts';
import { temporaryDirectory } from './temporary.ts';

const execute = promisify(execFile);
const code = fileURLToPath(new URL('../../agent/remove-tree.ts', import.meta.url));

/** Removes `tree` below a directory in a mount namespace of its own, after this; resolves to the error's message. */
const removedAfter = async (mounting: string, directory: string) => {
  const remove = `import { removeTree } from '${code}'; await removeTree('tree').catch((e) => console.log(e.message));`;
  const script = `cd "$1" && ${mounting} && "$2" --input-type=module -e "$3" && find . -type f`;
  const { stdout } = await execute('unshare', ['-rm', 'sh', '-c', script, 'sh', directory, process.execPath, remove]);
  return stdout;
};

describe('removeTree', () => {
  it.each([
    ['another disk', 'mount -t tmpfs none tree/in/media && echo only >tree/in/media/copy', 'tree/in/media/copy'],
    ['a directory of the same disk', 'echo only >other/copy && mount --bind other tree/in/media', 'other/copy'],
  ])('P1 R3: nothing is deleted where %s is mounted in the tree', async (_, mounting, kept) => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, 'tree/in/media'), { recursive: true });
    await mkdir(join(directory, 'other'));
    await writeFile(join(directory, 'tree/file'), 'x');
    const said = await removedAfter(mounting, directory);
    expect(said).toMatch(/something else is mounted in .*tree, unmount it first: .*tree\/in\/media/);
    expect(said).toContain(`./${kept}`);
    expect(said).toContain('./tree/file');
  });

  it('R35: of a directory that is a link, what it leads to goes, and the link', async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, 'disk/shop/sub'), { recursive: true });
    await writeFile(join(directory, 'disk/shop/sub/file'), 'x');
    await writeFile(join(directory, 'outside'), 'kept');
    await symlink(join(directory, 'outside'), join(directory, 'disk/shop/link'));
    await symlink(join(directory, 'disk'), join(directory, 'disk/shop/up'));
    await symlink('disk/shop', join(directory, 'shop'));
    await removeTree(join(directory, 'shop'));
    expect(existsSync(join(directory, 'disk/shop'))).toBe(false);
    expect(existsSync(join(directory, 'shop'))).toBe(false);
    expect(await readFile(join(directory, 'outside'), 'utf8')).toBe('kept');
    await removeTree(join(directory, 'shop'));
  });
});
