import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { readContents } from '../../../agent/engine/docker/content-stream.ts';

const files: [string, Buffer][] = [
  ['./plain', Buffer.from('one')],
  ['./empty', Buffer.alloc(0)],
  ['./a whole block', Buffer.alloc(512, 7)],
  [`./deep/${'long'.repeat(70)}`, Buffer.alloc(3_000, 'x')],
  ['./last', Buffer.alloc(100_000, 3)],
];

async function tarOf(): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: './', type: 'directory' });
  tar.entry({ name: './link', type: 'symlink', linkname: 'plain' });
  for (const [name, bytes] of files) tar.entry({ name, pax: { comment: 'x'.repeat(600) } }, bytes);
  tar.finalize();
  return buffer(tar as unknown as Readable);
}

async function contentsOf(tar: Buffer, cuts: number[] = []): Promise<Record<string, string>> {
  const points = [0, ...cuts.map((cut) => cut % (tar.length + 1)).sort((a, b) => a - b), tar.length];
  const found: Record<string, string> = {};
  const pieces = points.slice(1).map((end, i) => tar.subarray(points[i], end));
  await readContents(Readable.from(pieces), (path, sha256) => {
    found[path] = sha256;
  });
  return found;
}

describe('what the files hold, read back from a tar', () => {
  const expected = Object.fromEntries(
    files.map(([path, bytes]) => [path.slice(2), createHash('sha256').update(bytes).digest('hex')]),
  );

  it('is a SHA-256 for each regular file, however its name and its bytes are cut', async () => {
    const tar = await tarOf();
    expect(await contentsOf(tar)).toEqual(expected);
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
