import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { largeMembers } from '../../../../agent/engine/docker/data/large-members.ts';
import { unpackLarge } from '../../../../agent/engine/docker/data/large-unpacker.ts';
import { fileHead, paddingAfter } from '../../../../agent/engine/docker/data/member-head.ts';
import { unpackInShards } from '../../../../agent/engine/docker/data/shards.ts';
import { packing, unpackArguments, unpackOverArguments } from '../../../../agent/engine/docker/data/tar-arguments.ts';
import { largeAlone, scanScript } from '../../../../agent/precopy/listing.ts';
import { createPatchedFiles } from '../../../../agent/precopy/patched-files.ts';
import type { TarWriter } from '../../../../agent/transfer/tar-ports.ts';
import { sleep } from '../../../../node/sleep.ts';
import { type Reach, reachBelow } from '../../../../schema/exclude-pattern.ts';
import { archiveOf } from '../../../hostile/archives.ts';
import { run } from '../../../support/run.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'large-'));
  for (const name of ['from', 'to', 'io', 'outside']) await mkdir(join(dir, name));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const here = (script: string, place: string) =>
  script.replaceAll('cd /v', `cd ${join(dir, place)}`).replaceAll('-T /io', `-T ${join(dir, 'io')}`);
const at = (args: string[], place: string) => args.map((arg) => (arg === '/v' ? join(dir, place) : arg));
const io = (name: string) => join(dir, 'io', name);
const inFrom = (script: string) => run('sh', ['-ec', script], { cwd: join(dir, 'from') });

/** Everything about the entries of a directory. */
const listing = (place: string) =>
  run(
    'sh',
    [
      '-ec',
      "find . -printf '%P %y %m %U:%G %T@ %n %l\\n' | LC_ALL=C sort; find . -type f -printf '%P %s\\n' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum",
    ],
    { cwd: join(dir, place) },
  );

/** The tar of `from` with its large files first, as a source makes it. */
async function* packed(reach: Reach[] = []): AsyncGenerator<Buffer> {
  const scan = here(scanScript(io('listing'), io('attributed'), reach, largeAlone), 'from');
  await run('sh', ['-ec', `export IO=${join(dir, 'io')}; ${scan}`]);
  const names = (await readFile(io('listing'), 'latin1'))
    .split('\0')
    .slice(0, -1)
    .map((line) => line.split('//')[0]);
  await writeFile(io('names'), names.map((name) => `./${name}\0`).join(''), 'latin1');
  yield* largeMembers(join(dir, 'from'), io('listing'));
  const { script, arguments: args } = packing(reach, io('names'));
  const tar = spawn('sh', ['-c', here(script, 'from'), 'sh', ...at(args, 'from'), '-f', '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  yield* tar.stdout;
}

/** Copies: their memory is used again. */
async function gathered(pieces: AsyncGenerator<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const manyPieces = (bytes: Buffer, pieceBytes: number) =>
  Readable.from(
    (function* () {
      for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
    })(),
  );

function gnuTar(args: string[], signal: AbortSignal): TarWriter {
  const [program, ...rest] = at(args, 'to');
  const child = spawn(program!, rest, { stdio: ['pipe', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.on('data', (bytes) => (said += bytes));
  child.stdin.on('error', () => {});
  const finished = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 && said === '' ? resolve() : reject(new Error(`tar: ${code} ${said}`))));
  });
  finished.catch(() => {});
  return { stream: child.stdin, finished };
}

/** Sets times as a helper does. */
const ownTarget = async () => ({
  files: createPatchedFiles(join(dir, 'to'), async (written) => {
    for (const { path, mtime } of written)
      await run('touch', ['-d', `@${mtime}`, Buffer.from(path, 'latin1').toString()], { cwd: join(dir, 'to') });
  }),
  close: async () => {},
});

const signal = () => AbortSignal.timeout(20_000);

async function unpacked(tar: Readable, writer: TarWriter, target: Parameters<typeof unpackLarge>[2]): Promise<number> {
  let passed = 0;
  const write = writer.stream.write.bind(writer.stream) as (...args: unknown[]) => boolean;
  (writer.stream as Writable).write = ((bytes: Buffer, ...rest: unknown[]) => {
    passed += bytes.length;
    return write(bytes, ...rest);
  }) as Writable['write'];
  const { stream, finished } = unpackLarge(writer, { volume: 'data' }, target, () => {});
  // GNU tar may stop reading before the last padding.
  const ended = pipeline(tar, stream).catch((error) => (error.code === 'EPIPE' ? finished : Promise.reject(error)));
  await Promise.all([ended, finished]);
  return passed;
}

describe('a tar with its large files first', () => {
  const make = `
    mkdir -p a/b/c "d e" empty; echo small >a/small; ln a/small a/again; ln -s a/small link
    for f in first a/large a/b/c/deep a/b/other "d e/mode0" last; do head -c 5000001 /dev/urandom >"$f"; done
    chmod 0 "d e/mode0"; chown 1234:3000000000 a/large; chmod 6750 a/large; chmod 2750 a; chown 7:8 a/b
    touch -d @1234567890.123456789 a/large; touch -d @-1.5 last; touch -d @0 first
    truncate -s 4194304 at; dd if=/dev/urandom of=at bs=1M count=4 conv=notrunc status=none
    head -c 4194303 /dev/urandom >below; ln a/b/other two
    touch -d @1000000000.5 a/b/c a/b a "d e" empty .`;

  test.each([511, 70_001, 1_048_576])(
    'is written by the agent and one unpacker, in pieces of %i bytes',
    async (size) => {
      await inFrom(make);
      const tar = await gathered(packed());
      const small = await unpacked(manyPieces(tar, size), gnuTar(unpackArguments, signal()), ownTarget);
      expect(await listing('to')).toBe(await listing('from'));
      // What has two names, and what is not large.
      expect(small).toBeLessThan(5_000_001 + 4_194_304 + 500_000);
    },
  );

  test.each([1, 3])('is a tar to %i unpackers', async (shards) => {
    await inFrom(make);
    const tar = await gathered(packed());
    const open = async (until: AbortSignal) => gnuTar(unpackOverArguments, until);
    const writer =
      shards === 1
        ? gnuTar(unpackArguments, signal())
        : await unpackInShards([open, ...Array.from({ length: shards - 1 }, () => open)], signal());
    expect(await unpacked(manyPieces(tar, 1_048_576), writer, async () => null)).toBe(tar.length);
    expect(await listing('to')).toBe(await listing('from'));
  });

  test('a tar that begins with its directory is passed on as it is', async () => {
    await inFrom('echo one >small; mkdir d; head -c 5000000 /dev/zero >large');
    await run('tar', ['-C', join(dir, 'from'), '--format=posix', '-cf', io('tar'), '.']);
    const tar = await readFile(io('tar'));
    const never = () => Promise.reject(new Error('asked for'));
    expect(await unpacked(manyPieces(tar, 1000), gnuTar(unpackArguments, signal()), never)).toBe(tar.length);
  });

  test('what is left out is in neither part', async () => {
    await inFrom(`mkdir -p keep/cache out; for d in keep keep/cache out; do
      head -c 5000000 /dev/urandom >$d/large; echo small >$d/small; done`);
    const reach = reachBelow(['/srv/out', '/srv/**/cache'], '/srv');
    await unpacked(manyPieces(await gathered(packed(reach)), 1_048_576), gnuTar(unpackArguments, signal()), ownTarget);
    const found = await run('find', ['.', '-type', 'f'], { cwd: join(dir, 'to') });
    expect(found.split('\n').filter(Boolean).sort()).toEqual(['./keep/large', './keep/small']);
  });

  test('names are bytes', async () => {
    await inFrom(`for name in "$(printf 'bad\\377utf8')" "$(printf 'new\\nline')" "star*[x]?" '-v'; do
      mkdir -- "./$name"; head -c 4200000 /dev/urandom >"./$name/$name"; done`);
    const tar = await gathered(packed());
    await unpacked(manyPieces(tar, 1_048_576), gnuTar(unpackArguments, signal()), async () => ({
      ...(await ownTarget()),
      files: createPatchedFiles(join(dir, 'to'), async () => {}),
    }));
    const sums = 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum';
    const [from, to] = await Promise.all(
      ['from', 'to'].map((place) => run('sh', ['-ec', sums], { cwd: join(dir, place) })),
    );
    expect(to).toBe(from);
  });
});

describe('a large file that is not what was listed', () => {
  const read = () => gathered(largeMembers(join(dir, 'from'), io('listing')));
  const listed = async () => {
    await inFrom('mkdir d; head -c 5000000 /dev/urandom >d/large');
    await gathered(packed());
  };

  test.each<[string, () => Promise<unknown>]>([
    [
      'a link in its place',
      async () => {
        await rename(join(dir, 'from/d/large'), join(dir, 'outside/large'));
        await symlink(join(dir, 'outside/large'), join(dir, 'from/d/large'));
      },
    ],
    [
      'a link in the place of its directory',
      async () => {
        await rename(join(dir, 'from/d'), join(dir, 'outside/d'));
        await symlink(join(dir, 'outside/d'), join(dir, 'from/d'));
      },
    ],
    [
      'another file',
      async () => {
        await rename(join(dir, 'from/d/large'), join(dir, 'from/d/before'));
        await writeFile(join(dir, 'from/d/large'), randomBytes(5_000_000));
      },
    ],
    ['a shorter one', () => truncate(join(dir, 'from/d/large'), 1000)],
  ])('%s is not read', async (_, swap) => {
    await listed();
    expect((await read()).length).toBeGreaterThan(5_000_000);
    await swap();
    await expect(read()).rejects.toThrow();
  });

  test('one that gets shorter while it is read fails', async () => {
    await inFrom('head -c 40000000 /dev/zero >large');
    await gathered(packed());
    const members = largeMembers(join(dir, 'from'), io('listing'));
    await members.next();
    await truncate(join(dir, 'from/large'), 10_000_000);
    await expect(gathered(members)).rejects.toMatchObject({ code: 'pack_failed' });
  });
});

const state = { size: 3, mode: 0o644, uid: 0, gid: 0, mtime: '1.000000000' };
const file = (path: string) => Buffer.concat([fileHead({ ...state, path }), Buffer.from('lie'), paddingAfter(3)]);

describe('a target', () => {
  /** Files whose writing is up to the test. */
  const target = async (write: () => Promise<void>, begun: string[] = []) => {
    const own = await ownTarget();
    const begin = async ({ path }: { path: string }) => void begun.push(path);
    return { ...own, files: { ...own.files, begin, write } };
  };

  test('that is stopped has ended only when it writes no more', async () => {
    const [writing, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const begun: string[] = [];
    const slow = await target(() => {
      writing.resolve();
      return goOn.promise;
    }, begun);
    const stop = new AbortController();
    const { stream, finished } = unpackLarge(
      gnuTar(unpackArguments, stop.signal),
      { volume: 'data' },
      async () => slow,
      () => {},
    );
    stream.on('error', () => {});
    stream.write(Buffer.concat([file('one'), file('two')]));
    await writing.promise;
    let ended = false;
    const settled = finished.catch(() => {}).then(() => (ended = true));
    stop.abort();
    stream.destroy();
    await sleep(300);
    expect(ended).toBe(false);
    goOn.resolve();
    await settled;
    expect(begun).toEqual(['one']);
  });

  test('whose disk is full says so, and does not leave the unpacker waiting for more', async () => {
    const full = await target(() => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })));
    const stop = new AbortController();
    const { stream, finished } = unpackLarge(
      gnuTar(unpackArguments, stop.signal),
      { volume: 'data' },
      async () => full,
      () => stop.abort(),
    );
    stream.on('error', () => {});
    stream.write(file('one'));
    await expect(finished).rejects.toMatchObject({ code: 'disk_full' });
  });
});

describe('a source that lies', () => {
  const sent = (...tar: Buffer[]) =>
    unpacked(manyPieces(Buffer.concat(tar), 1_048_576), gnuTar(unpackArguments, signal()), ownTarget);

  test.each(['../outside/lie', 'a/../../outside/lie', '/lie', 'a//b', '..'])('can’t name %s', async (path) => {
    await expect(sent(file(path))).rejects.toThrow();
    expect(await run('ls', ['-A', join(dir, 'outside')])).toBe('');
  });

  test('can’t have the agent write through a link', async () => {
    await symlink(join(dir, 'outside'), join(dir, 'to/out'));
    await expect(sent(file('out/lie'))).rejects.toThrow();
    expect(await run('ls', ['-A', join(dir, 'outside')])).toBe('');
  });

  test('can’t have it write after a member of another kind', async () => {
    const link = await archiveOf([[{ name: 'out', type: 'symlink', linkname: join(dir, 'outside') }]]);
    await sent(link.subarray(0, 512), file('lie'), Buffer.alloc(1024)).catch(() => {});
    const opened = await open(join(dir, 'to/out')).catch(() => null);
    await opened?.close();
    expect(await run('ls', ['-A', join(dir, 'outside')])).toBe('');
  });

  test('is refused without a directory, or with half a member', async () => {
    await expect(sent(file('lie'), Buffer.alloc(1024))).rejects.toMatchObject({ code: 'archive_refused' });
    await expect(sent(file('lie').subarray(0, 700))).rejects.toMatchObject({ code: 'archive_refused' });
    await expect(sent(randomBytes(4096))).rejects.toMatchObject({ code: 'archive_refused' });
  });
});
