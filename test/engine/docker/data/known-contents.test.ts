import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { contentDigests } from '../../../../agent/engine/docker/data/content-digest.ts';
import {
  type KnownContents,
  learnContents,
  readContents,
} from '../../../../agent/engine/docker/data/known-contents.ts';
import { entriesScript } from '../../../../agent/engine/docker/data/tar-arguments.ts';
import { type HelperRuntime, runInHelper } from '../../../../agent/engine/docker/helper/helper.ts';
import { createExchanges } from '../../../../agent/engine/docker/helper/job-dirs.ts';
import { sharedFile } from '../../../../agent/engine/docker/precopy/pass-files.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';
import { run } from '../../../support/run.ts';

/** A tree, and a helper's shell beside this process: it has another `stat`, and a `tar` that notes which files it reads. */
async function treeOn(fileSystem: string) {
  const root = await temporaryDirectory();
  const within = (name: string) => join(root, name);
  const [tree, io, bin, directory] = [within('tree'), within('io'), within('bin'), within('known')];
  for (const made of [tree, io, bin]) await mkdir(made);
  const log = join(root, 'read');
  const program = (name: string, script: string) =>
    writeFile(join(bin, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  await program('stat', `echo ${fileSystem}`);
  await program(
    'tar',
    `for ((at = 1; at < $#; at++)); do [ "\${!at}" != -T ] || { next=$((at + 1)); tr '\\0' '\\n' <"\${!next}" >>${log}; }; done
    exec /usr/bin/tar "$@"`,
  );
  const inTree = (script: string) => run('bash', ['-ec', script], { cwd: tree, timeoutMs: 10_000 });
  const runScript = (script: string) =>
    new Promise<number>((resolve) => {
      const here = script.replaceAll(/(?<![\w.])\/v\b/g, tree).replaceAll(/(?<![\w.])\/io\b/g, io);
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
      spawn('bash', ['-c', here], { env, stdio: 'ignore' }).once('close', (code) => resolve(code ?? -1));
    });
  const place = { ioDir: io, resident: { run: runScript, exchanges: createExchanges(io) } } as unknown as HelperRuntime;
  const task = {
    ...{ migrationId: 'mig_1', purpose: 'manifest' as const, mount: { volume: 'data' }, readOnly: true },
    ...{ capabilities: [], failure: 'manifest_mismatch' as const, signal: AbortSignal.timeout(20_000) },
  };
  const digests = contentDigests('gmac', 'mig_1');
  const whole = { place, task, digests, root: tree, live: false };
  const read = async (known: KnownContents | null, root: string | null = tree) => {
    const found: Record<string, string> = {};
    await writeFile(log, '');
    const listing = sharedFile(place);
    await runInHelper(place, { ...task, script: entriesScript([], listing.there) });
    await readContents({ ...whole, root }, listing, known, directory, (path, digest) => {
      found[path] = digest;
    });
    return { found, packed: (await readFile(log, 'utf8')).split('\n').filter(Boolean).toSorted() };
  };
  const learn = async (live = false, before: KnownContents | null = null) => {
    await writeFile(log, '');
    return learnContents({ ...whole, live }, directory, before);
  };
  const learnt = async () => (await readFile(log, 'utf8')).split('\n').filter(Boolean).toSorted();
  return { inTree, learn, learnt, read };
}
const margin = () => pause(300);

it('F46 reads again exactly the files that changed since, whatever their sizes and times of modification say', async () => {
  const { inTree, learn, read } = await treeOn('ext2/ext3');
  await inTree(
    'mkdir -p a "b c"; for n in $(seq 20); do echo $n >a/$n; done; echo x >"b c/x y"; echo 1 >quiet; echo 2 >$\'new\\nline\'',
  );
  await inTree('echo linked >one; ln one two; truncate -s 1M hole');
  await margin();
  const known = await learn();
  const before = await read(known);
  expect(before.packed).toEqual(['./one', './two']);
  expect(Object.keys(before.found)).toHaveLength(25);

  await inTree(
    'touch -r quiet ../time; printf 7 >quiet; echo >>quiet; touch -r ../time quiet; mv a/1 a/21; rm a/2; echo new >a/3; echo more >added',
  );
  const after = await read(known);
  expect(after.packed).toEqual(['./a/21', './a/3', './added', './one', './quiet', './two'].toSorted());
  const fresh = await read(null);
  expect(after.found).toEqual(fresh.found);
  expect(after.found.quiet).not.toBe(before.found.quiet);
  expect(after.found['b c/x y']).toBe(before.found['b c/x y']);
});

it('reads only what changed since where it has learnt before, and knows the rest as before', async () => {
  const { inTree, learn, learnt, read } = await treeOn('ext2/ext3');
  await inTree('mkdir a; for n in $(seq 20); do echo $n >a/$n; done; echo 1 >quiet; head -c 9M /dev/urandom >large');
  await margin();
  const first = await learn();
  await inTree('echo 7 >a/7; rm a/8; echo new >a/30; mv a/9 b');
  await margin();
  const second = await learn(false, first);
  expect(await learnt()).toEqual(['./a/30', './a/7', './b']);
  const found = await read(second);
  expect(found.packed).toEqual([]);
  expect(found.found).toEqual((await read(null)).found);
});

it('trusts no file that was written just before, or whose file system may not show a write', async () => {
  const tree = await treeOn('ext2/ext3');
  await tree.inTree('echo 1 >one');
  expect((await tree.read(await tree.learn(true))).packed).toEqual(['./one']);
  const network = await treeOn('nfs');
  await network.inTree('echo 1 >one');
  await margin();
  expect((await network.read(await network.learn())).packed).toEqual(['./one']);
});

it('reads large files itself, with the digests that a tar has of them', async () => {
  const { inTree, learn, read } = await treeOn('ext2/ext3');
  await inTree(
    'head -c 9M /dev/urandom >large; head -c 4M /dev/urandom >edge; echo 1 >small; ln large other; cp large alone',
  );
  await inTree(
    '{ head -c 5M /dev/urandom; head -c 1M /dev/zero; echo end; } >zeros; truncate -s 8M hole; echo x >>hole',
  );
  await margin();
  const byTar = await read(null, null);
  const direct = await read(null);
  expect(direct.found).toEqual(byTar.found);
  expect(byTar.packed).toHaveLength(7);
  expect(direct.packed).toEqual(['./hole', './large', './other', './small']);
  const known = await learn();
  await inTree('printf x | dd of=alone bs=1 seek=5000000 conv=notrunc status=none');
  const after = await read(known);
  expect(after.packed).toEqual(['./large', './other']);
  expect(after.found).toEqual((await read(null, null)).found);
  expect(after.found.alone).not.toBe(direct.found.alone);
  expect(after.found.zeros).toBe(direct.found.zeros);
});

it('reads everything from the tar where it sees another tree, or none, at the place of this one', async () => {
  const { inTree, read } = await treeOn('ext2/ext3');
  await inTree('head -c 9M /dev/urandom >large; echo 1 >small');
  const elsewhere = await temporaryDirectory();
  const expected = await read(null);
  expect(expected.packed).toEqual(['./small']);
  expect(await read(null, elsewhere)).toEqual({ ...expected, packed: ['./large', './small'] });
  await writeFile(join(elsewhere, 'large'), Buffer.alloc(9 * 1_048_576, 1));
  expect(await read(null, elsewhere)).toEqual({ ...expected, packed: ['./large', './small'] });
});
