import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../../agent/engine/docker/manifest-stream.ts';
import { manifestDigest } from '../../../agent/transfer/manifest.ts';

const entry = (
  path: string,
  over: Partial<Record<'type' | 'mode' | 'owner' | 'size' | 'mtime' | 'names' | 'inode', string>> = {},
) =>
  `${[
    'E',
    path,
    over.type ?? 'f',
    over.mode ?? '644',
    over.owner ?? '0:0',
    over.size ?? '5',
    over.mtime ?? '1.5',
    over.names ?? '1',
    '',
    over.inode ?? '1:1',
  ].join('\0')}\0`;
const attributes = (...blocks: string[]) => `X\0${blocks.join('\n\n')}\n\n`;

const manifestOf = async (text: string, cuts: number[] = []) => {
  const bytes = Buffer.from(text, 'latin1');
  const points = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const pieces = points.slice(1).map((end, i) => bytes.subarray(points[i], end));
  const digest = manifestDigest();
  const entries = await readManifest(Readable.from(pieces), digest);
  return { sha256: digest.sum(), entries };
};

describe('the manifest of what is on the disk', () => {
  const listing = entry('') + entry('a') + entry('new\nline') + attributes('# file: a\nuser.x=0x01\nuser.b=0x02');

  it('does not depend on the order in which a file system lists', async () => {
    const other = entry('new\nline') + entry('a') + entry('') + attributes('# file: a\nuser.b=0x02\nuser.x=0x01');
    expect(await manifestOf(other)).toEqual(await manifestOf(listing));
    expect((await manifestOf(listing)).entries).toBe(3);
  });

  it.each([
    ['a mode', entry('') + entry('a', { mode: '600' })],
    ['an owner', entry('') + entry('a', { owner: '0:1' })],
    ['a time', entry('') + entry('a', { mtime: '1.6' })],
    ['a size', entry('') + entry('a', { size: '6' })],
    ['a type', entry('') + entry('a', { type: 'l' })],
    ['a missing entry', entry('')],
  ])('tells %s', async (_, changed) => {
    const plain = entry('') + entry('a') + attributes();
    expect((await manifestOf(changed + attributes())).sha256).not.toBe((await manifestOf(plain)).sha256);
  });

  it('tells an attribute', async () => {
    const [without, other] = [attributes(), attributes('# file: a\nuser.x=0x02')];
    expect((await manifestOf(entry('a') + without)).sha256).not.toBe((await manifestOf(entry('a') + other)).sha256);
  });

  it('tells which names are one file, whatever the inode’s number', async () => {
    const two = (first: string, second: string) =>
      entry('a', { names: '2', inode: first }) + entry('b', { names: '2', inode: second }) + attributes();
    expect(await manifestOf(two('1:7', '1:7'))).toEqual(await manifestOf(two('1:9', '1:9')));
    expect((await manifestOf(two('1:7', '1:7'))).sha256).not.toBe((await manifestOf(two('1:7', '1:8'))).sha256);
  });

  it('does not count a directory’s own size', async () => {
    const dir = (size: string) => entry('d', { type: 'd', size }) + attributes();
    expect(await manifestOf(dir('4096'))).toEqual(await manifestOf(dir('12288')));
  });

  it('comes out the same however the output is cut', async () => {
    const whole = await manifestOf(listing);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2_000), { maxLength: 12 }), async (cuts) => {
        expect(await manifestOf(listing, cuts)).toEqual(whole);
      }),
    );
  });

  it('refuses a listing that was cut short, or is none', async () => {
    await expect(manifestOf(entry('a'))).rejects.toThrow(/can’t be read/);
    await expect(manifestOf('find: out of memory\0')).rejects.toThrow(/can’t be read/);
  });
});
