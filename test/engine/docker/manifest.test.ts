import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAttributes, readEntries } from '../../../agent/engine/docker/data/manifest-stream.ts';
import { manifestDigest } from '../../../agent/transfer/manifest.ts';

const entry = (path: string, over: Partial<Record<'type' | 'mode' | 'owner' | 'size' | 'mtime', string>> = {}) =>
  `${path}//${over.type ?? 'f'} ${over.mode ?? '644'} ${over.owner ?? '0:0'} ${over.size ?? '5'} 1 ${over.mtime ?? '1.5'} \0`;
const link = (inode: string, path: string) => `L\0${inode}\0${path}\0`;
const device = (path: string, numbers: string) => `D\0${path}\0${numbers}\0`;
const attributes = (...blocks: string[]) => [...blocks, '# end'].map((block) => `${block}\n\n`).join('');

/** The text, cut into pieces. */
const cutUp = (text: string, cuts: number[]) => {
  const bytes = Buffer.from(text, 'latin1');
  const points = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return Readable.from(points.slice(1).map((end, i) => bytes.subarray(points[i], end)));
};

const manifestOf = async (listing: string, attributed = attributes(), cuts: number[] = [], special = '') => {
  const digest = manifestDigest();
  const entries = await readEntries(cutUp(`${special}entries\0${listing}end\0`, cuts), digest);
  await readAttributes(cutUp(attributed, cuts), digest);
  return { sha256: digest.sum(), entries };
};

describe('the manifest of what is on the disk', () => {
  const listing = entry('') + entry('a') + entry('new\nline');
  const attributed = attributes('# file: a\nuser.x=0x01\nuser.b=0x02');

  it('does not depend on the order in which a file system lists attributes', async () => {
    const whole = await manifestOf(listing, attributed);
    expect(await manifestOf(listing, attributes('# file: a\nuser.b=0x02\nuser.x=0x01'))).toEqual(whole);
    expect(whole.entries).toBe(3);
  });

  it.each([
    ['a mode', entry('') + entry('a', { mode: '600' })],
    ['an owner', entry('') + entry('a', { owner: '0:1' })],
    ['a time', entry('') + entry('a', { mtime: '1.6' })],
    ['a size', entry('') + entry('a', { size: '6' })],
    ['a type', entry('') + entry('a', { type: 'l' })],
    ['a missing entry', entry('')],
  ])('tells %s', async (_, changed) => {
    expect((await manifestOf(changed)).sha256).not.toBe((await manifestOf(entry('') + entry('a'))).sha256);
  });

  it('tells an attribute', async () => {
    const other = attributes('# file: a\nuser.x=0x02');
    expect((await manifestOf(entry('a'))).sha256).not.toBe((await manifestOf(entry('a'), other)).sha256);
  });

  it('tells which names are one file, in whatever order they come and whatever the inode’s number', async () => {
    const two = entry('a') + entry('b') + entry('end');
    const linked = (special: string) => manifestOf(two, undefined, [], special);
    const one = await linked(link('1:7', 'a') + link('1:7', 'b'));
    expect(await linked(link('1:9', 'b') + link('1:9', 'a'))).toEqual(one);
    expect((await linked(link('1:7', 'a') + link('1:8', 'b'))).sha256).not.toBe(one.sha256);
  });

  it('tells the numbers of a device', async () => {
    const numbered = (numbers: string) => manifestOf(entry('a'), undefined, [], device('a', numbers));
    expect((await numbered('1:3')).sha256).not.toBe((await numbered('1:5')).sha256);
  });

  it('comes out the same however the output is cut', async () => {
    const special = link('1:7', 'a') + link('1:7', 'entries') + device('end', '1:3');
    const whole = await manifestOf(listing, attributed, [], special);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2_000), { maxLength: 12 }), async (cuts) => {
        expect(await manifestOf(listing, attributed, cuts, special)).toEqual(whole);
      }),
    );
  });

  it('refuses a listing that was cut short, or is none', async () => {
    const entries = (text: string) => readEntries(cutUp(text, []), manifestDigest());
    await expect(entries(`entries\0${entry('a')}`)).rejects.toThrow(/can’t be read/);
    await expect(entries(link('1:7', 'a'))).rejects.toThrow(/can’t be read/);
    await expect(entries('')).rejects.toThrow(/can’t be read/);
    await expect(entries('find: out of memory\0')).rejects.toThrow(/can’t be read/);
    await expect(manifestOf(entry('a'), '# file: a\nuser.x=0x01\n\n')).rejects.toThrow(/can’t be read/);
  });
});

it('a digest over records is the sum of their SHA-256, as other releases have it', async () => {
  const digest = manifestDigest();
  let expected = 0n;
  await fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }).map(latin1)), (fields) => {
      digest.add('content', fields);
      const framed = ['content', ...fields].map((field) => `${field.length}:${field}`).join('');
      expected += BigInt(`0x${createHash('sha256').update(framed, 'latin1').digest('hex')}`);
      expect(digest.sum()).toBe(BigInt.asUintN(256, expected).toString(16).padStart(64, '0'));
    }),
  );
});

const latin1 = (text: string) => Buffer.from(text).toString('latin1');
