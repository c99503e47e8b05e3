import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { unpackInShards } from '../../../../agent/engine/docker/data/shards.ts';
import { packArguments, unpackOverArguments } from '../../../../agent/engine/docker/data/tar-arguments.ts';
import type { TarWriter } from '../../../../agent/transfer/tar-ports.ts';
import { archiveOf, type Entry, link } from '../../../hostile/archives.ts';
import { run } from '../../../support/run.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shards-'));
  for (const name of ['from', 'to', 'outside']) await mkdir(join(dir, name));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const at = (args: string[], place: string) => args.map((arg) => (arg === '/v' ? join(dir, place) : arg));

/** GNU tar as in a helper; it begins to read after so many seconds. */
function unpacker(signal: AbortSignal, afterS = 0): TarWriter {
  const args = ['-c', `sleep ${afterS}; exec "$@"`, 'sh', ...at(unpackOverArguments, 'to')];
  const child = spawn('sh', args, { stdio: ['pipe', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.on('data', (bytes) => (said += bytes));
  child.stdin.on('error', () => {});
  const finished = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 && said === '' ? resolve() : reject(new Error(`tar: ${code} ${said}`))));
  });
  return { stream: child.stdin, finished };
}

/** Gives the archive to `shards` unpackers, in pieces of any size. */
async function unpacked(archive: Buffer, shards = 3, pieceBytes = 70_001, late = [0, 0]): Promise<void> {
  const [first, others] = late.map((afterS) => async (signal: AbortSignal) => unpacker(signal, afterS));
  const more = Array.from({ length: shards - 1 }, () => others!);
  const writer = await unpackInShards([first!, ...more], AbortSignal.timeout(15_000));
  const pieces = async function* () {
    for (let from = 0; from < archive.length; from += pieceBytes) yield archive.subarray(from, from + pieceBytes);
  };
  await Promise.all([pipeline(pieces, writer.stream), writer.finished]);
}

async function packed(): Promise<Buffer> {
  const [program, ...args] = at(packArguments, 'from');
  const child = spawn(program!, [...args, '-f', '-'], { stdio: ['ignore', 'pipe', 'inherit'] });
  return Buffer.concat(await child.stdout.toArray());
}

const inFrom = (script: string) => run('sh', ['-ec', script], { cwd: join(dir, 'from') });
const listing = async (place: string) =>
  run(
    'sh',
    [
      '-ec',
      `find . -printf '%P %y %m %U:%G %s %T@ %n %l\\n' | grep -v ' d ' | sort; find . -type d -printf '%P %m %U:%G %T@\\n' | sort; find . -type f -print0 | sort -z | xargs -0r sha256sum; getfacl -Rn . 2>/dev/null || true; find . -samefile same 2>/dev/null | sort`,
    ],
    { cwd: join(dir, place) },
  );

describe('a tar unpacked in shards', () => {
  test.each([1, 2, 4])('is what it was packed from, by %i unpackers', async (shards) => {
    await inFrom(`
      for d in a b "c d" a/deep a/deep/er; do mkdir -p "$d"; for n in 1 2 3 4 5 6 7 8 9; do echo "$d $n" >"$d/f$n"; done; done
      echo same >same; for n in 1 2 3 4 5; do ln same "a/deep/same$n"; ln a/f1 "b/other$n"; done
      ln -s a/f2 link; ln -s /etc/passwd away; ln -s ../b a/up
      for n in 1 2 3 4; do ln -P link "b/link$n"; ln -P away "a/away$n"; done
      truncate -s 3M sparse; echo end >>sparse
      name=$(printf '%0200d' 7); mkdir "$name"; echo long >"$name/$name"
      mkfifo pipe; mkdir empty
      setfacl -d -m u:1234:rwx b 2>/dev/null || true
      chmod 2750 a; chmod 0 a/f3; chmod 1777 empty; chown -h 12:34 link; chown 5:6 b; chmod 555 a/deep
      for path in a/f1 b "c d" a/deep a . empty link; do touch -h -d @1234567890.5 "$path"; done`);
    await unpacked(await packed(), shards);
    expect(await listing('to')).toBe(await listing('from'));
  });

  test('has directories that all unpackers make at once', async () => {
    await inFrom('for d in $(seq 400); do mkdir -p $d/in; for n in 1 2 3 4 5; do echo $n >$d/in/$n; done; done');
    const archive = await packed();
    for (let turn = 0; turn < 3; turn += 1) {
      await rm(join(dir, 'to'), { recursive: true });
      await mkdir(join(dir, 'to'));
      await unpacked(archive, 4);
      expect(await listing('to')).toBe(await listing('from'));
    }
  });

  test.each([
    ['the first', [0, 0.3]],
    ['another', [0.3, 0]],
  ])('has directories of any mode and owner, also where %s makes them', async (_, late) => {
    const modes = ['0', '700', '755', '777', '1777', '2750', '4711', '111'];
    await inFrom(`
      for mode in ${modes.join(' ')}; do mkdir $mode; for n in 1 2 3 4 5 6; do echo $n >$mode/$n; done; done
      mkdir in; for mode in ${modes.join(' ')}; do mkdir in/$mode; chmod $mode in/$mode; done; chown 5:6 in
      for mode in ${modes.join(' ')}; do chown 5:6 $mode; chmod $mode $mode; touch -d @99.5 $mode; done`);
    await unpacked(await packed(), 3, 70_001, late);
    expect(await listing('to')).toBe(await listing('from'));
  });

  test('is read in pieces of any size', async () => {
    await inFrom(`mkdir d; for n in 1 2 3; do head -c 700 /dev/urandom >d/$n; done; ln d/1 d/4; touch -d @99 d .`);
    const archive = await packed();
    for (const pieceBytes of [1, 511, 512, 513, archive.length]) {
      await rm(join(dir, 'to'), { recursive: true });
      await mkdir(join(dir, 'to'));
      await unpacked(archive, 2, pieceBytes);
      expect(await listing('to')).toBe(await listing('from'));
    }
  });

  test('B33 leaves no way out: a file below a link, in any order', async () => {
    const out = join(dir, 'outside');
    for (let turn = 0; turn < 8; turn += 1) {
      const files = Array.from({ length: 40 }, (_, n): Entry => [{ name: `way/f${turn}${n}` }, 'out']);
      const entries: Entry[] = [...files.slice(0, turn), link('way', out), link('way/x', out), ...files];
      await unpacked(await archiveOf(entries), 2).catch(() => {});
      expect(await readdir(out)).toEqual([]);
      await rm(join(dir, 'to'), { recursive: true });
      await mkdir(join(dir, 'to'));
    }
  });

  const header = async (change: (block: Buffer) => void) => {
    const archive = await archiveOf([[{ name: 'file' }, 'x'.repeat(600)], link('later', '/etc')]);
    change(archive);
    let sum = 256;
    for (let index = 0; index < 512; index += 1) if (index < 148 || index >= 156) sum += archive[index]!;
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return archive;
  };
  const flagged = (type: string) => header((block) => void block.write(type, 156));
  test.each<[string, () => Promise<Buffer>]>([
    ['a hard link with contents, which GNU tar takes for headers', () => flagged('1')],
    ['a directory with contents', () => flagged('5')],
    ['a file of GNU tar’s old sparse kind', () => flagged('S')],
    ['a kind that nobody knows', () => flagged('Z')],
    ['a file whose name is a directory’s', () => header((block) => void block.write('file/', 0))],
    ['a size in base 256', () => header((block) => void block.writeUInt8(0x80, 124))],
    ['a wrong checksum', async () => Buffer.from((await flagged('0')).map((byte, at) => (at === 0 ? byte + 1 : byte)))],
    ['an archive that ends too soon', async () => (await flagged('0')).subarray(0, 800)],
  ])('B33 refuses %s', async (_title, archive) => {
    await expect(unpacked(await archive(), 2)).rejects.toMatchObject({ code: 'archive_refused' });
    expect(await readdir(join(dir, 'to')).then((names) => names.filter((name) => name !== 'file'))).toEqual([]);
  });

  test('fails as its unpackers do, once all of them have ended', async () => {
    await inFrom('mkdir d; for n in 1 2 3 4 5 6 7 8; do echo $n >d/$n; done');
    await run('sh', ['-ec', 'for n in 1 2 3 4 5 6 7 8; do mkdir -p to/d/$n/full; done'], { cwd: dir });
    await expect(unpacked(await packed(), 2)).rejects.toThrow(/tar: 2/);
  });
});
