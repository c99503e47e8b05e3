import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findChanges, isBlockFile } from '../../agent/precopy/changes.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

interface Made {
  type?: string;
  size?: number;
  time?: number;
  links?: number;
  inode?: number;
  mode?: string;
}

/** As `scanScript` prints them. */
const record = (path: string, { type = 'f', size = 10, time = 100, links = 1, inode = 1, mode = '644' }: Made) =>
  `${path}//${type} ${mode} 0:0 ${size} ${time}.5 ${time}.5 ${links} 1:${inode} ${Math.ceil(size / 512)} `;

const big = 8_000_000;

async function changes(
  before: Record<string, Made> | null,
  now: Record<string, Made>,
  mapped: string[] = [],
  unread: string[] = [],
) {
  const dir = await temporaryDirectory();
  const write = async (name: string, entries: Record<string, Made>) => {
    const records = Object.entries(entries).map(([path, made]) => record(path, made));
    await writeFile(
      join(dir, name),
      records
        .sort()
        .map((text) => `${text}\0`)
        .join(''),
      'latin1',
    );
    return join(dir, name);
  };
  const found = await findChanges({
    before: before && (await write('before', before)),
    now: await write('now', now),
    suspectSinceS: 1_000,
    byBlocks: isBlockFile,
    isMapped: (path) => mapped.includes(path),
    wasRead: ({ path }) => !unread.includes(path),
    removeList: join(dir, 'remove'),
    tarList: join(dir, 'tar'),
    directoryList: join(dir, 'directories'),
  });
  const list = async (name: string) => (await readFile(join(dir, name), 'latin1')).split('\0').slice(0, -1).sort();
  return { ...found, remove: await list('remove'), tar: await list('tar'), known: await list('directories') };
}

const root = { '': { type: 'd' } };

describe('what a pass has to carry', () => {
  it('is everything, the first time; large files by blocks', async () => {
    const found = await changes(null, { ...root, a: { type: 'd' }, 'a/f': {}, 'a/big': { size: big }, 'a!': {} });
    expect(found.tar).toEqual(['./', './a', './a!', './a/f']);
    expect(found.large).toEqual(['a/big']);
    expect(found.remove).toEqual([]);
  });

  it('is nothing where nothing changed', async () => {
    const same = { ...root, a: { type: 'd' }, 'a/f': {}, 'a/big': { size: big } };
    expect(await changes(same, same, ['a/big'])).toMatchObject({ tar: [], large: [], remove: [] });
  });

  it('takes along the directory whose entry was replaced, for its times', async () => {
    const found = await changes(
      { ...root, a: { type: 'd' }, 'a/f': {} },
      { ...root, a: { type: 'd' }, 'a/f': { time: 101 } },
    );
    expect(found.tar).toEqual(['./a', './a/f']);
  });

  it('names its directories, but the first time: their attributes are taken off before it', async () => {
    const before = { ...root, a: { type: 'd' }, 'a/f': {}, b: { type: 'd' } };
    expect((await changes(null, before)).known).toEqual([]);
    const found = await changes(before, { ...before, 'a/f': { time: 101 }, c: { type: 'd' } });
    expect(found.known).toEqual(['./', './a', './c']);
    expect(found.directories).toBe(3);
  });

  it('removes what is gone and what changed its type', async () => {
    const found = await changes(
      { ...root, gone: {}, dir: { type: 'd' }, 'dir/x': {}, link: { type: 'l' } },
      { ...root, dir: {}, link: { type: 'd' } },
    );
    expect(found.remove).toEqual(['./dir', './dir/x', './gone', './link']);
    expect(found.tar).toContain('./dir');
  });

  it('looks again at what changed near the sync of the pass before: its times may not show it', async () => {
    const hot = { ...root, f: { time: 1_000 }, cold: { time: 999 } };
    expect((await changes(hot, hot)).tar).toEqual(['./', './f']);
  });

  it('carries a file with several names by all of them', async () => {
    const names = { one: { links: 2, inode: 7 }, two: { links: 2, inode: 7 }, other: { links: 2, inode: 8 } };
    const found = await changes({ ...root, ...names }, { ...root, ...names, one: { links: 2, inode: 7, time: 150 } });
    expect(found.tar).toEqual(['./', './one', './two']);
  });

  it('removes a file that becomes a large one: its map must begin with nothing on the other side', async () => {
    const found = await changes({ ...root, f: {} }, { ...root, f: { size: big } });
    expect(found).toMatchObject({ remove: ['./f'], large: ['f'], tar: ['./'] });
  });

  it('knows a large file by its inode where it only got another name in its directory', async () => {
    const dirs = { ...root, a: { type: 'd' }, b: { type: 'd' } };
    const before = {
      ...dirs,
      'a/1': { size: big, inode: 1 },
      'a/2': { size: big, inode: 2 },
      'a/3': { size: big, inode: 3 },
    };
    const now = {
      ...dirs,
      'a/9': { size: big, inode: 1 },
      'b/2': { size: big, inode: 2 },
      'a/4': { size: 10, inode: 3 },
    };
    const found = await changes(before, now, ['a/1', 'a/2', 'a/3']);
    expect(found.renames).toEqual([{ from: 'a/1', to: 'a/9' }]);
    expect(found.large).toEqual(['b/2']);
    expect(found.forgotten).toEqual(['a/2', 'a/3']);
    expect(found.remove).toEqual(['./a/2', './a/3']);
    expect(found.tar).toEqual(['./a', './a/4', './b']);
  });

  it('looks into one that was written, or changed otherwise, when it got its other name', async () => {
    const times = { written: { time: 200 }, moded: { mode: '600' }, cut: { size: big - 1 }, still: {} };
    const named = (suffix: string, change: Record<string, Made>) =>
      Object.fromEntries(
        Object.keys(times).map((name, n) => [name + suffix, { size: big, inode: n + 1, ...change[name] }]),
      );
    const found = await changes({ ...root, ...named('', {}) }, { ...root, ...named('+', times) }, Object.keys(times));
    expect(found.renames.length).toBe(4);
    expect(found.large.sort()).toEqual(['cut+', 'moded+', 'written+']);
  });

  it('looks into one that had its other name before it was read', async () => {
    const file = { size: big, inode: 1 };
    const found = await changes({ ...root, a: file }, { ...root, b: file }, ['a'], ['a']);
    expect(found).toMatchObject({ renames: [{ from: 'a', to: 'b' }], large: ['b'] });
  });

  it('looks into one that was written near the sync of the pass before, when it got its other name', async () => {
    const hot = { size: big, inode: 1, time: 1_000 };
    expect(await changes({ ...root, a: hot }, { ...root, b: hot }, ['a'])).toMatchObject({ large: ['b'] });
  });

  it('takes no name for another while both were there: one took the place of the other', async () => {
    const before = { ...root, log: { size: big, inode: 1 }, 'log.1': { size: big, inode: 2 } };
    const now = { ...root, log: { size: big, inode: 3, time: 200 }, 'log.1': { size: big, inode: 1 } };
    const found = await changes(before, now, ['log', 'log.1']);
    expect(found).toMatchObject({ renames: [], forgotten: [], remove: [], large: ['log.1', 'log'] });
  });

  it('forgets a large file that is gone, sparse, or has another name now', async () => {
    const before = { ...root, gone: { size: big }, linked: { size: big } };
    const found = await changes(before, { ...root, linked: { size: big, links: 2, inode: 9 } }, ['gone', 'linked']);
    expect(found.forgotten.sort()).toEqual(['gone', 'linked']);
    expect(found.tar).toEqual(['./', './linked']);
  });
});
