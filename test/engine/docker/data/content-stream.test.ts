import { execFileSync, spawn } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { contentDigests } from '../../../../agent/engine/docker/data/content-digest.ts';
import { contentsIn as contentsInTar } from '../../../../agent/engine/docker/data/content-stream.ts';
import { contentScript } from '../../../../agent/engine/docker/data/tar-arguments.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

const sha256 = contentDigests('sha256', 'mig_1');
const gmac = contentDigests('gmac', 'mig_1');

const files: [string, Buffer][] = [
  ['./plain', Buffer.from('one')],
  ['./empty', Buffer.alloc(0)],
  ['./a whole block', Buffer.alloc(512, 7)],
  [`./deep/${'long'.repeat(70)}`, Buffer.alloc(3_000, 'x')],
  ['./last', Buffer.alloc(100_000, 3)],
];

async function tarOf(): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: '../', type: 'directory' });
  tar.entry({ name: './link', type: 'symlink', linkname: 'plain' });
  for (const [name, bytes] of files) tar.entry({ name, pax: { comment: 'x'.repeat(600) } }, bytes);
  tar.finalize();
  return buffer(tar as unknown as Readable);
}

async function contentsOf(tar: Buffer, cuts: number[] = []): Promise<Record<string, string>> {
  const points = [0, ...cuts.map((cut) => cut % (tar.length + 1)).sort((a, b) => a - b), tar.length];
  const found: Record<string, string> = {};
  const pieces = points.slice(1).map((end, i) => tar.subarray(points[i], end));
  for await (const [path, digest] of contentsInTar(Readable.from(pieces), sha256.begin)) found[path] = digest;
  return found;
}

describe('what the files hold, read back from a tar', () => {
  it('is a digest for each regular file, however its name and its bytes are cut', async () => {
    const tar = await tarOf();
    const expected = await contentsOf(tar);
    expect(Object.keys(expected)).toEqual(files.map(([path]) => path.slice(2)));
    expect(new Set(Object.values(expected)).size).toBe(files.length);
    const anywhere = fc.array(fc.nat(tar.length), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anywhere, async (cuts) => {
        expect(await contentsOf(tar, cuts)).toEqual(expected);
      }),
    );
  });

  it('is refused where the tar is cut off, wherever that is', async () => {
    const tar = await tarOf();
    const end = tar.length - 1_024;
    await fc.assert(
      fc.asyncProperty(fc.nat(end), async (length) => {
        await expect(contentsOf(tar.subarray(0, length))).rejects.toMatchObject({ code: 'manifest_mismatch' });
      }),
    );
  });

  it.each([
    ['a size that is no number', (tar: Buffer) => tar.write('x', 124)],
    ['an extended record longer than its header', (tar: Buffer) => tar.write('9', tar.indexOf('comment=') - 4)],
  ])('%s is refused', async (_, damage) => {
    const tar = await tarOf();
    damage(tar);
    await expect(contentsOf(tar)).rejects.toMatchObject({ code: 'manifest_mismatch' });
  });
});

/** What the helper's script makes of a directory, read back. */
async function contentsIn(directory: string): Promise<{ found: Record<string, string>; bytes: number }> {
  const script = contentScript([]).replace('/v', directory);
  const tar = spawn('sh', ['-c', script], { env: { ...process.env, IO: await temporaryDirectory() } });
  const found: Record<string, string> = {};
  let bytes = 0;
  tar.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  for await (const [path, digest] of contentsInTar(tar.stdout, sha256.begin)) found[path] = digest;
  return { found, bytes };
}

describe('what files with holes hold', () => {
  const gib = 2 ** 30;

  it('P22, R31: a file of a tebibyte that holds little is read in no time, and a file of several names once', async () => {
    const dir = await temporaryDirectory();
    const file = await open(join(dir, 'huge'), 'w');
    await file.truncate(1024 * gib);
    for (const offset of [3, 500 * gib + 70_000, 1024 * gib - 5]) await file.write('data', offset);
    await file.close();
    await writeFile(join(dir, 'z'), 'x'.repeat(2_000_000));
    for (const name of ['a', 'm']) execFileSync('ln', [join(dir, 'z'), join(dir, name)]);
    const { found, bytes } = await contentsIn(dir);
    expect(Object.keys(found)).toEqual(['a', 'huge']);
    expect(bytes).toBeLessThan(3_000_000);

    const changed = await open(join(dir, 'huge'), 'r+');
    await changed.write('dat4', 500 * gib + 70_000);
    await changed.close();
    expect((await contentsIn(dir)).found.huge).not.toBe(found.huge);
  });

  it('P22: zeros have one digest, written or not, and a byte elsewhere changes it', async () => {
    const piece = fc.record({ at: fc.nat(500_000), length: fc.nat(150_000), zero: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 5 }), fc.nat(499_999), async (pieces, elsewhere) => {
        const whole = Buffer.alloc(700_000);
        for (const { at, length, zero } of pieces) whole.fill(zero ? 0 : 9, at, at + length);
        const dir = await temporaryDirectory();
        await writeFile(join(dir, 'whole'), whole);
        execFileSync('cp', ['--sparse=always', join(dir, 'whole'), join(dir, 'sparse')]);
        whole[elsewhere] = whole[elsewhere]! ^ 1;
        await writeFile(join(dir, 'other'), whole);
        const { found } = await contentsIn(dir);
        expect(found.sparse).toBe(found.whole);
        expect(found.other).not.toBe(found.whole);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ['SHA-256', sha256, 200_000],
    ['GMAC', gmac, 1_500_000],
  ])('P22: the digest by %s does not depend on how data and holes come', (_, digests, bytesMax) => {
    const part = fc.record({ bytes: fc.nat(bytesMax), fill: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(fc.nat(3 * bytesMax), { maxLength: 6 }), (parts, cuts) => {
        const byParts = digests.begin();
        let at = 0;
        for (const { bytes, fill } of parts) {
          at += bytes;
          if (fill === 0) byParts.holeTo(at);
          else byParts.data(Buffer.alloc(bytes, fill));
        }
        const whole = Buffer.concat(parts.map(({ bytes, fill }) => Buffer.alloc(bytes, fill)));
        const byData = digests.begin();
        const points = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
        for (const [i, from] of points.slice(0, -1).entries()) byData.data(whole.subarray(from, points[i + 1]));
        expect(byParts.hex()).toBe(byData.hex());
      }),
    );
  });
});
