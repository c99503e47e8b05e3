import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readEntries } from '../../../../agent/engine/docker/data/manifest-stream.ts';
import { entriesScript } from '../../../../agent/engine/docker/data/tar-arguments.ts';
import { manifestDigest } from '../../../../agent/transfer/manifest.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

const execute = promisify(execFile);

/** The manifest of `tree` in a directory, and what the script complains of; in a mount namespace that has it as /v. */
async function manifestAfter(making: string) {
  const directory = await temporaryDirectory();
  const script = `set -e; cd "$1"; mkdir io tree; (cd tree; ${making})
    mount -t tmpfs none /opt; mkdir /opt/v; mount --rbind tree /opt/v; export IO=$PWD/io; ${entriesScript([]).replace('cd /v', 'cd /opt/v')}`;
  const { stdout, stderr } = await execute('unshare', ['-rm', 'sh', '-c', script, 'sh', directory], {
    encoding: 'buffer',
  });
  const digest = manifestDigest();
  await readEntries(Readable.from([stdout]), digest);
  return { sum: digest.sum(), complaints: stderr.toString() };
}

const still = 'touch -d 2020-01-01';

it('P18: a file that has another name beyond the tree has the manifest of one that has not', async () => {
  const alone = await manifestAfter(`echo x >a; ${still} a .`);
  const linked = await manifestAfter(`echo x >../far; ln ../far a; ${still} a .`);
  expect(linked.sum).toBe(alone.sum);
  const twoNames = await manifestAfter(`echo x >a; ln a b; ${still} a .`);
  const twoFiles = await manifestAfter(`echo x >a; echo x >b; ${still} a b .`);
  expect(twoNames.sum).not.toBe(twoFiles.sum);
});

it('P1 R3: the proof fails where another disk is mounted in what moved, at whatever time that came', async () => {
  const mounted = await manifestAfter('mkdir disk; mount -t tmpfs none disk; echo x >disk/file');
  expect(mounted.complaints).toContain('something is mounted in it');
  expect((await manifestAfter('mkdir disk')).complaints).toBe('');
});
