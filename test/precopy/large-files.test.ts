import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSectionReader, encodeRename } from '../../agent/precopy/delta-stream.ts';
import { createLargeFiles, type LargeFiles } from '../../agent/precopy/large-files.ts';
import { createPatchedFiles } from '../../agent/precopy/patched-files.ts';
import { limits } from '../../schema/limits.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

const { blockBytes, readBytes } = limits.warm;

async function twoSides() {
  const [source, target] = [await temporaryDirectory(), await temporaryDirectory()];
  const patched = createPatchedFiles(target, async () => {});
  const apply = async (sections: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number> => {
    const read = createSectionReader();
    let carried = 0;
    for await (const data of sections)
      for (const section of read(data)) {
        if (section.kind === 'file') await patched.begin(section.file);
        if (section.kind === 'rename') await patched.rename(section.rename);
        if (section.kind !== 'block') continue;
        await patched.write(section.offset, section.data);
        carried += section.data.length;
      }
    await patched.end();
    return carried;
  };
  const [here, there] = [(name: string) => join(source, name), (name: string) => join(target, name)];
  return {
    here,
    large: createLargeFiles(source),
    /** Bytes of contents that were sent. */
    carry: (large: LargeFiles, name: string) => apply(large.read([name], { mayVanish: false })),
    rename: async (large: LargeFiles, names: { from: string; to: string }) => {
      large.rename(names);
      await apply([encodeRename(names)]);
    },
    isSame: async (name: string) => (await readFile(here(name))).equals(await readFile(there(name))),
  };
}

const entry = { type: 'f', size: 0, links: 1, allocated: 0 };
const contents = () => randomBytes(3 * readBytes + 5);

describe('large files, from one side to the other', () => {
  it('go whole, and after that by the blocks that changed, under another name too', async () => {
    const { here, large, carry, rename: renameThere, isSame } = await twoSides();
    const bytes = contents();
    await writeFile(here('segment.1'), bytes);
    expect(await carry(large, 'segment.1')).toBe(bytes.length);

    bytes[2 * readBytes] = bytes[2 * readBytes]! ^ 1;
    await writeFile(here('segment.1'), bytes);
    await rename(here('segment.1'), here('segment.9'));
    await renameThere(large, { from: 'segment.1', to: 'segment.9' });
    expect(large.has('segment.1')).toBe(false);
    expect(await carry(large, 'segment.9')).toBe(blockBytes);
    expect(await isSame('segment.9')).toBe(true);
  });

  it('are learned of by a copy alone when a copy is asked, so that it may be asked again', async () => {
    const { here, large, carry, rename: renameThere, isSame } = await twoSides();
    const bytes = contents();
    await writeFile(here('a'), bytes);
    await carry(large, 'a');
    bytes[0] = bytes[0]! ^ 1;
    await writeFile(here('a'), bytes);
    await rename(here('a'), here('b'));

    for (let asked = 0; asked < 2; asked++) {
      const trial = large.copy();
      await renameThere(trial, { from: 'a', to: 'b' });
      expect(await carry(trial, 'b')).toBe(blockBytes);
      expect(await isSame('b')).toBe(true);
      expect([large.has('a'), large.has('b')]).toEqual([true, false]);
    }
  });

  it('were read from the file that was listed, unless it was gone or another had its name', async () => {
    const { here, large, carry } = await twoSides();
    const listed = async (name: string) => {
      const { dev, ino } = await stat(here(name));
      return { ...entry, path: name, inode: `${dev}:${ino}` };
    };
    await writeFile(here('a'), contents());
    const before = await listed('a');
    await carry(large, 'a');
    expect(large.wasRead(before)).toBe(true);

    await rename(here('a'), here('b'));
    for await (const _ of large.read(['a'], { mayVanish: true }));
    expect([large.has('a'), large.wasRead(before)]).toEqual([true, false]);

    await writeFile(here('a'), contents());
    await carry(large, 'a');
    expect([large.wasRead(before), large.wasRead(await listed('a'))]).toEqual([false, true]);
  });

  it.each([-130_000_000.25, -0.5, 0, 0.25, 1_700_000_000.5])(
    'P24, R30: a large file that was last written at %d s keeps that time, 1970 or not',
    async (seconds) => {
      const { large, here } = await twoSides();
      await writeFile(here('old'), '');
      execFileSync('touch', ['-d', `@${seconds}`, here('old')]);
      const read = createSectionReader();
      for await (const data of large.read(['old'], { mayVanish: false }))
        expect([...read(data)]).toMatchObject([{ kind: 'file', file: { mtime: seconds.toFixed(9) } }]);
      execFileSync('touch', ['-d', `@${seconds.toFixed(9)}`, here('again')]);
      const { mtimeNs } = await stat(here('again'), { bigint: true });
      expect(mtimeNs).toBe((await stat(here('old'), { bigint: true })).mtimeNs);
    },
  );

  it('that vanished, or are something else by now, give nothing where they may, and are an error where not', async () => {
    const { large, here } = await twoSides();
    const read = async (name: string, mayVanish: boolean) => {
      let count = 0;
      for await (const _ of large.read([name], { mayVanish })) count += 1;
      return count;
    };
    execFileSync('mkfifo', [here('pipe')]);
    await mkdir(here('directory'));
    await symlink('/etc/passwd', here('link'));
    for (const name of ['gone', 'pipe', 'directory', 'link', 'pipe/below', 'link/below']) {
      expect(await read(name, true)).toBe(0);
      await expect(read(name, false)).rejects.toMatchObject({
        code: expect.stringMatching(/^(ENOENT|ELOOP|ENOTDIR)$/),
      });
    }
  });
});
