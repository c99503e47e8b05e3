import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { parseElf, readElf } from '../../../../../agent/engine/docker/helper/image/elf.ts';
import {
  environmentOf,
  hostArchive,
  layerDigest,
} from '../../../../../agent/engine/docker/helper/image/host-archive.ts';
import { hostPrograms, parseLibraries } from '../../../../../agent/engine/docker/helper/image/host-programs.ts';
import { probeScript } from '../../../../../agent/engine/docker/helper/image/probe.ts';
import { temporaryDirectory } from '../../../../agent/temporary.ts';

describe('an image of the host’s own programs', () => {
  it('has all that helpers need, in itself', async () => {
    const root = await temporaryDirectory();
    const programs = await hostPrograms();
    const file = join(root, 'root.tar');
    await pipeline(hostArchive(programs), createWriteStream(file));
    execFileSync('tar', ['-C', root, '-xf', file]);
    for (const directory of ['io', 'dev']) await mkdir(join(root, directory));
    const { stdout, stderr } = spawnSync('/usr/sbin/chroot', [root, '/bin/sh', '-c', probeScript], {
      env: {
        IO: '/io',
        ...Object.fromEntries(environmentOf(programs).map((each) => each.split('=') as [string, string])),
      },
      encoding: 'utf8',
    });
    expect([stdout, stderr]).toEqual(['', '']);
  });

  it('is the same bytes each time', async () => {
    const programs = await hostPrograms();
    expect(await layerDigest(hostArchive(programs))).toBe(await layerDigest(hostArchive(programs)));
  });

  it('cannot be made where BusyBox has the names, and the command that mends it is named', async () => {
    const path = join(await temporaryDirectory(), 'bin');
    await mkdir(path);
    const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
    for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' })
      .split('\n')
      .filter((each) => each !== ''))
      await symlink(busybox, join(path, name)).catch(() => {});
    await expect(hostPrograms(path)).rejects.toThrow(
      /lacks GNU's cat, find, .*perl, .*tar.*\(install coreutils findutils perl tar\)/,
    );
    await writeFile(join(path, 'apk'), '');
    await chmod(join(path, 'apk'), 0o755);
    await expect(hostPrograms(path)).rejects.toThrow('(apk add coreutils findutils perl tar)');
  });
});

it('the probe names what BusyBox does not do as helpers need it', async () => {
  const dir = await temporaryDirectory();
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  execFileSync(busybox, ['--install', '-s', dir]);
  const { stdout } = spawnSync(join(dir, 'sh'), ['-c', probeScript], { env: { PATH: dir, IO: dir }, encoding: 'utf8' });
  const lacking = stdout.split('\n');
  expect(lacking).toEqual(expect.arrayContaining(['perl', 'GNU tar', 'GNU find', 'GNU stat', 'a working perl']));
});

it('libraries are where the loader says, and one that is not found is named', () => {
  const listed =
    '\tlinux-vdso.so.1 (0x00007ffd)\n\tlibacl.so.1 => /lib/x86_64-linux-gnu/libacl.so.1 (0x00007f1)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n';
  expect(parseLibraries(listed)).toEqual(['/lib/x86_64-linux-gnu/libacl.so.1', '/lib64/ld-linux-x86-64.so.2']);
  expect(() => parseLibraries('\tlibodd.so => not found\n')).toThrow('libodd.so');
});

it('what is no ELF program, or a cut one, is none', async () => {
  const dir = await temporaryDirectory();
  await writeFile(join(dir, 'script'), '#!/bin/sh\n');
  expect(await readElf(join(dir, 'script'))).toBeNull();
  expect((await readElf(process.execPath))?.interpreter).toMatch(/^\/lib.*ld-/);
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01', 'latin1');
  header.writeBigUInt64LE(2n ** 40n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  expect(parseElf(header)).toBeNull();
});
