import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  readFile,
  readlink,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { type Header, pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { packTree } from '../../../agent/engine/embedded/pack-tree.ts';
import { manifestOfTree } from '../../../agent/engine/embedded/tree-manifest.ts';
import { measureTree } from '../../../agent/engine/embedded/tree-walk.ts';
import { unpackTree } from '../../../agent/engine/embedded/unpack-tree.ts';
import { temporaryDirectory } from '../../agent/temporary.ts';

const signal = () => AbortSignal.timeout(10_000);

async function packed(root: string): Promise<Buffer> {
  const reader = await packTree(root).open(signal());
  const parts: Buffer[] = [];
  for await (const part of reader.stream) parts.push(part as Buffer);
  await reader.finished;
  return Buffer.concat(parts);
}

/** Feeds an archive in pieces of `step` bytes, overwriting each as soon as its write is called back, as the transfer does. */
async function unpack(archive: Buffer, root: string, step = archive.length): Promise<void> {
  const writer = unpackTree(root, signal());
  writer.stream.on('error', () => {});
  for (let at = 0; at < archive.length && !writer.stream.destroyed; at += step) {
    const piece = Buffer.from(archive.subarray(at, at + step));
    await new Promise<void>((resolve) => writer.stream.write(piece, () => resolve()));
    piece.fill(0xee);
  }
  writer.stream.end();
  await writer.finished;
}

function archiveOf(entries: [Partial<Header> & { name: string }, string?][]): Promise<Buffer> {
  const archive = pack();
  for (const [header, text = ''] of entries) archive.entry(header, text);
  archive.finalize();
  return (async () => {
    const parts: Uint8Array[] = [];
    for await (const part of archive as AsyncIterable<Uint8Array>) parts.push(part);
    return Buffer.concat(parts);
  })();
}

async function awkwardTree(): Promise<string> {
  const root = await temporaryDirectory();
  const at = (name: string) => join(root, name);
  await mkdir(at('deep/er/still'), { recursive: true });
  await mkdir(at('empty'));
  await writeFile(at('zero'), '');
  await writeFile(at('big'), Buffer.alloc(1_500_001, 'stackferry'));
  await writeFile(at(`${'n'.repeat(250)}`), 'a long name');
  await writeFile(at('names with spaces, "quotes" and ünïcödé \n newline'), 'awkward');
  await writeFile(at('deep/er/still/script'), '#!/bin/sh\n');
  await chmod(at('deep/er/still/script'), 0o4751);
  await link(at('big'), at('deep/another-name'));
  await symlink('../nowhere', at('dangling'));
  await symlink('/etc/hostname', at('absolute'));
  await utimes(at('zero'), 1_500_000_000.123, 1_500_000_000.123);
  await utimes(at('deep/er'), 1_400_000_000.9, 1_400_000_000.9);
  await chmod(at('empty'), 0o1770);
  return root;
}

describe('packing and unpacking', () => {
  test('an awkward tree arrives with an equal manifest, whole or in pieces of any size', async () => {
    const source = await awkwardTree();
    const archive = await packed(source);
    const expected = await manifestOfTree(source);
    for (const step of [archive.length, 65_536, 511]) {
      const target = await temporaryDirectory();
      await unpack(archive, target, step);
      expect(await manifestOfTree(target), `pieces of ${step}`).toEqual(expected);
      expect((await readFile(join(target, 'big'))).equals(await readFile(join(source, 'big')))).toBe(true);
      expect(await readlink(join(target, 'dangling'))).toBe('../nowhere');
      expect((await lstat(join(target, 'deep/another-name'))).ino).toBe((await lstat(join(target, 'big'))).ino);
    }
    expect((await measureTree(source)) / archive.length).toBeCloseTo(1, 1);
  });

  test('any difference of content size, mode, time, link or name shows in the manifest', async () => {
    const source = await awkwardTree();
    const before = (await manifestOfTree(source)).sha256;
    const changes = [
      () => appendFile(join(source, 'zero'), 'x'),
      () => chmod(join(source, 'zero'), 0o640),
      () => utimes(join(source, 'zero'), 1, 1),
      () => link(join(source, 'zero'), join(source, 'one-more-name')),
      () => writeFile(join(source, 'empty/new'), ''),
    ];
    const seen = new Set([before]);
    for (const change of changes) {
      await change();
      seen.add((await manifestOfTree(source)).sha256);
    }
    expect(seen.size).toBe(changes.length + 1);
  });

  test('F24: a file that changes while it is read is not accepted', async () => {
    const source = await temporaryDirectory();
    await writeFile(join(source, 'log'), Buffer.alloc(8_000_000));
    const reader = await packTree(source).open(signal());
    const read = (async () => {
      let bytes = 0;
      let late: Promise<void> | null = null;
      for await (const data of reader.stream) {
        bytes += data.length;
        // Well inside the file: before that its header may not have been made.
        if (bytes > 1_000_000) late ??= appendFile(join(source, 'log'), 'a late line');
        await late;
      }
    })().catch(() => {});
    await expect(reader.finished).rejects.toMatchObject({ code: 'pack_failed' });
    await read;
  });

  test('a packer that is aborted ends, and says so', async () => {
    const source = await temporaryDirectory();
    await writeFile(join(source, 'big'), Buffer.alloc(8_000_000));
    const abort = new AbortController();
    const reader = await packTree(source).open(abort.signal);
    reader.stream.on('error', () => {});
    reader.stream.once('data', () => abort.abort());
    await expect(reader.finished).rejects.toMatchObject({ code: 'pack_failed' });
  });

  test('B33: nothing is unpacked outside its place', async () => {
    const outside = await temporaryDirectory();
    await writeFile(join(outside, 'victim'), 'untouched');
    const before = await manifestOfTree(outside);
    const attacks: [Partial<Header> & { name: string }, string?][][] = [
      [[{ name: '../victim' }, 'x']],
      [[{ name: `${outside}/victim` }, 'x']],
      [[{ name: 'a/../../victim' }, 'x']],
      [[{ name: 'out', type: 'symlink', linkname: outside }], [{ name: 'out/victim' }, 'x']],
      [[{ name: 'out', type: 'symlink', linkname: `${outside}/victim` }], [{ name: 'out' }, 'x']],
      [[{ name: 'out', type: 'symlink', linkname: outside }], [{ name: 'out/', type: 'directory', mode: 0o777 }]],
      [[{ name: 'hard', type: 'link', linkname: `${outside}/victim` }]],
      [[{ name: 'hard', type: 'link', linkname: '../victim' }]],
      [[{ name: 'dev', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ];
    for (const attack of attacks) {
      const root = await temporaryDirectory();
      await expect(unpack(await archiveOf(attack), root), JSON.stringify(attack)).rejects.toMatchObject({
        code: expect.stringMatching(/archive_refused|unpack_failed/),
      });
    }
    expect(await manifestOfTree(outside)).toEqual(before);
  });

  test('B35: a cut or damaged archive is not accepted', async () => {
    const archive = await packed(await awkwardTree());
    const damaged = Buffer.from(archive);
    damaged.fill(0xff, 1_100, 1_200);
    for (const bad of [archive.subarray(0, 1_000), archive.subarray(0, archive.length - 700_000), damaged]) {
      await expect(unpack(bad, await temporaryDirectory(), 10_000)).rejects.toMatchObject({ code: 'unpack_failed' });
    }
  });

  test('an unpacker that is aborted has failed', async () => {
    const abort = new AbortController();
    const writer = unpackTree(await temporaryDirectory(), abort.signal);
    writer.stream.on('error', () => {});
    const archive = await packed(await awkwardTree());
    await new Promise<void>((resolve) => writer.stream.write(archive.subarray(0, 5_000), () => resolve()));
    abort.abort();
    await expect(writer.finished).rejects.toMatchObject({ code: 'unpack_failed' });
  });

  test('packing feeds unpacking with backpressure', async () => {
    const source = await awkwardTree();
    const target = await temporaryDirectory();
    const reader = await packTree(source).open(signal());
    const writer = unpackTree(target, signal());
    await pipeline(reader.stream, writer.stream, { end: true }).catch(() => finished(writer.stream));
    await Promise.all([reader.finished, writer.finished]);
    expect(await manifestOfTree(target)).toEqual(await manifestOfTree(source));
  });
});
