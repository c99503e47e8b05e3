import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { run } from '../support/run.ts';
import { makeAwkward, makeLarge } from './awkward.ts';
import { inVolume as inVolumeOf, listVolume } from './listing.ts';
import { plain } from './stacks.ts';
import { compose, docker, type HostName, inventory, mountpoint, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

describeDocker('two real Docker hosts', () => {
  // Also on two cores, which would have one unpacker.
  const rig = useDockerRig({ limits: { agent: { unpackShardsMin: 3 } } });

  const inVolume = (host: HostName, script: string) => inVolumeOf(host, 'awkward_data', script);
  const listAll = async (host: HostName) =>
    (await listVolume(host, 'awkward_data')) + (await inVolume(host, "stat -c '%b blocks' /v/sparse"));

  /** As the host's root, in the volume's directory. */
  const onDisk = async (volume: string, script: string) => {
    await run('sh', ['-ec', script], { cwd: await mountpoint('a', volume) });
  };

  describe('what arrives is what was there', () => {
    it('a volume of awkward files has the same listing on both sides', async () => {
      const { hosts, up, migrate, ended } = rig();
      await up('awkward', plain());
      await inVolume('a', makeAwkward);
      const before = await listAll('a');
      expect(before.split('\n').length).toBeGreaterThan(40);
      const migration = await ended((await migrate('awkward', hosts.b)).id);
      expect(migration.failure).toBeNull();
      expect(await listAll('b')).toBe(before);
      expect(await listAll('a')).toBe(before);
    }, 180_000);

    it('large files of every kind have the same listing, contents and holes on both sides', async () => {
      const { hosts, up, migrate, ended } = rig();
      await up('large', plain({ volume: 'awkward_data' }));
      await inVolume('a', makeLarge);
      const blocks = (host: HostName) => inVolume(host, 'cd /v && stat -c "%n %b" sparse zeros nearly plain');
      const before = (await listAll('a')) + (await blocks('a'));
      const migration = await ended((await migrate('large', hosts.b, { verify: 'content' })).id);
      expect(migration.failure).toBeNull();
      expect((await listAll('b')) + (await blocks('b'))).toBe(before);
      expect((await listAll('a')) + (await blocks('a'))).toBe(before);
    }, 180_000);

    it('R31: 8 KiB in a file of 120 GiB move, in both modes, as what they are', async () => {
      const { hosts, up, migrate, ended } = rig();
      for (const mode of ['stop-copy', 'pre-copy']) {
        const name = `huge-${mode}`;
        await up(name, plain());
        await onDisk(
          `${name}_data`,
          'truncate -s 120G huge; echo data | dd of=huge bs=1G seek=70 conv=notrunc status=none',
        );
        const migration = await ended((await migrate(name, hosts.b, { mode, verify: 'content' })).id);
        expect(migration.failure).toBeNull();
        const look = 'stat -c %s /v/huge; dd if=/v/huge bs=1G skip=70 count=1 status=none | head -c 5';
        expect(await inVolumeOf('b', `${name}_data`, look)).toBe(`${120 * 2 ** 30}\ndata\n`);
        expect(Number(await inVolumeOf('b', `${name}_data`, 'stat -c %b /v/huge')) * 512).toBeLessThan(1_048_576);
      }
    }, 240_000);

    it('100,000 small files have the same listing and contents on both sides', async () => {
      const { hosts, up, migrate, ended } = rig();
      await up('many', plain({ volume: 'awkward_data' }));
      const make = 'for d in 1 2 3 4; do mkdir $d; (cd $d; seq 25000 | split -l 1 -a 4 -); done; touch sparse';
      await inVolume('a', `cd /v; ${make}`);
      const before = await listAll('a');
      expect(before.split('\n').length).toBeGreaterThan(200_000);
      const migration = await ended((await migrate('many', hosts.b)).id);
      expect(migration.failure).toBeNull();
      expect((await listAll('b')) === before).toBe(true);
    }, 240_000);

    it('a file of 10 GiB that holds 1 MiB stays sparse, and only what it holds is carried', async () => {
      const { hosts, up, migrate, ended } = rig();
      await up('sparse', plain({ volume: 'awkward_data' }));
      const places = '$(seq 9000 9000 144000)';
      const fill = 'dd if=/dev/urandom of=/v/sparse bs=64K count=1 conv=notrunc status=none seek=$n';
      await inVolume('a', `truncate -s 10G /v/sparse; for n in ${places}; do ${fill}; done`);
      let carried = 0;
      const { id } = await migrate('sparse', hosts.b);
      const migration = await ended(id, ({ kind, data }) => {
        if (kind === 'progress') carried = Math.max(carried, Number((data as { bytes_done: number }).bytes_done));
      });
      expect(migration.failure).toBeNull();
      const read = `for n in ${places}; do dd if=/v/sparse bs=64K count=1 skip=$n status=none; done | sha256sum`;
      for (const look of ['stat -c %s /v/sparse', read])
        expect(await inVolume('b', look)).toBe(await inVolume('a', look));
      expect(Number(await inVolume('b', 'stat -c %b /v/sparse')) * 512).toBeLessThan(2 * 1_048_576);
      expect(carried).toBeLessThan(2 * 1_048_576);
    }, 180_000);

    it.each(['stop-copy', 'pre-copy'])(
      'P11, R22: volumes that the app emptied stay empty in a %s, whatever its image has at their places',
      async (mode) => {
        const { hosts, up, migrate, ended } = rig();
        const volumes = ['skel', 'alternatives', 'below'].map((name) => `emptied-${mode}_${name}`);
        await up(`emptied-${mode}`, emptied);
        const listed = (host: HostName) => Promise.all(volumes.map((volume) => listVolume(host, volume)));
        const before = await listed('a');
        expect(before.join()).not.toMatch(/bash|awk/);
        const migration = await ended((await migrate(`emptied-${mode}`, hosts.b, { mode })).id);
        expect(migration.failure).toBeNull();
        expect(await listed('b')).toEqual(before);
      },
      180_000,
    );

    it.each(['stop-copy', 'pre-copy'])(
      'P20: labels of the host’s security module stay behind in a %s, other attributes come along',
      async (mode) => {
        const { hosts, up, migrate, ended } = rig();
        const name = `labelled-${mode}`;
        await up(name, plain());
        await onDisk(
          `${name}_data`,
          `mkdir d; echo x > d/f; fallocate -l 5M large; setfattr -n user.kept -v 1 . d d/f large
          setfattr -h -n security.selinux -v system_u:object_r:container_file_t:s0 . d d/f large; setcap cap_net_raw+ep d/f`,
        );
        const migration = await ended((await migrate(name, hosts.b, { mode })).id);
        expect(migration.failure).toBeNull();
        const before = (await listVolume('a', `${name}_data`)).split('\n');
        const unlabelled = before.filter((line) => !line.startsWith('security.selinux'));
        expect(unlabelled.length).toBe(before.length - 4);
        expect((await listVolume('b', `${name}_data`)).split('\n')).toEqual(unlabelled);
        expect(unlabelled.join()).toContain('security.capability=');
      },
      120_000,
    );

    it('P20, R21, R23: what a copy can’t carry is named before anything stops', async () => {
      const { hosts, up, migrate, ended } = rig();
      await up('inner-docker', plain());
      await onDisk(
        'inner-docker_data',
        `mkdir overlay; setfattr -n trusted.overlay.opaque -v y overlay
        perl -e 'for (1..21) { mkdir "d" x 200 or die; chdir "d" x 200 }'`,
      );
      const { id } = await migrate('inner-docker', hosts.b);
      const migration = await ended(id);
      expect(migration.failure).toMatchObject({ step: 'preparing', code: 'pack_failed' });
      const { message } = migration.failure!;
      expect(message).toContain('volume inner-docker_data: 1 with the attribute trusted.overlay.opaque, first overlay');
      expect(message).toMatch(/1 with a path of more than 4093 bytes, first ddd/);
      expect(migration.steps.find(({ name }) => name === 'stopping')?.started_at ?? null).toBeNull();
      expect(await running('a')).toEqual(['inner-docker-app-1']);
      expect(await inventory('b')).toEqual([]);
    }, 120_000);

    it('a project with its own directories, an env_file, two compose files and a profile arrives whole', async () => {
      const { hosts, up, migrate, ended, moved } = rig();
      const project = await up(
        'whole',
        {
          'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    command: [sh, -c, "echo $$GREETING > /data/greeting; exec sleep 100000"]
    init: true
    env_file: [app.env]
    volumes: ["./conf:/conf:ro", "./data:/data"]
  extra:
    image: sf-busybox:1
    command: [sleep, "100000"]
    init: true
    profiles: [more]
  never:
    image: sf-busybox:1
    profiles: [unused]
`,
          'compose.extra.yaml': 'services: { app: { labels: { from: second-file } } }\n',
          'app.env': 'GREETING=hello-from-env-file\n',
          'conf/app.conf': 'answer = 42\n',
          'data/kept': 'kept\n',
        },
        '--profile',
        'more',
      );
      const migration = await ended((await migrate('whole', hosts.b)).id);
      expect(migration.failure).toBeNull();
      const there = moved(project, 'b');
      expect(await running('b')).toEqual(['whole-app-1', 'whole-extra-1']);
      expect(await readFile(join(there.dir, 'conf/app.conf'), 'utf8')).toBe('answer = 42\n');
      expect(await readFile(join(there.dir, 'data/kept'), 'utf8')).toBe('kept\n');
      expect(await docker('b', 'exec', 'whole-app-1', 'cat', '/data/greeting', '/conf/app.conf')).toBe(
        'hello-from-env-file\nanswer = 42\n',
      );
      expect(await docker('b', 'inspect', '-f', '{{.Config.Labels.from}}', 'whole-app-1')).toBe('second-file\n');
      const dry = await compose('b', there, '--profile', 'more', 'up', '-d', '--dry-run', 'app', 'extra').catch(String);
      expect(dry).not.toMatch(/Recreate/);
    }, 180_000);
  });
});

/** The image has files at two of the places, which the Engine copied into the volumes when the container was first created. */
const emptied = {
  'compose.yaml': `
services:
  app:
    image: sf-tools:1
    init: true
    # In its new home it only looks on.
    command: [sh, -c, "test -e /home/emptied || rm -r /etc/skel/.[a-z]* /etc/alternatives/*; touch /home/emptied; exec sleep 100000"]
    healthcheck: { test: test -e /home/emptied, interval: 1s, retries: 30 }
    volumes: [skel:/etc/skel, alternatives:/etc/alternatives, below:/etc/alternatives/below, home:/home]
volumes: { skel: {}, alternatives: {}, below: {}, home: {} }
`,
};
