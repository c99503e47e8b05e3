import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plain } from './stacks.ts';
import { addressOf, compose, docker, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

describeDocker('what the target cannot give, and what the file does not say, between two real Docker hosts', () => {
  const rig = useDockerRig();

  it('P13 P18 R10 P20: an address, a subnet, a GPU or a directory that the target has not got is named before anything stops', async () => {
    const { hosts, up, refused, dir } = rig();
    await docker('b', 'network', 'create', '--subnet', '10.44.0.0/16', 'neighbour');
    const project = await up('fixed', {
      'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    ports: ["${addressOf.a}:8090:80"]
    networks: { n: { ipv4_address: 10.44.0.9 } }
    volumes: ["${dir}/media:/media"]
  ai:
    image: sf-busybox:1
    scale: 0
    networks: [n]
    deploy: { resources: { reservations: { devices: [{ capabilities: [gpu], count: 1 }] } } }
networks: { n: { ipam: { config: [{ subnet: 10.44.0.0/24 }] } } }
`,
    });
    // The hosts share their directories: here the source has it in its container alone.
    await rm(join(dir, 'media'), { recursive: true });
    // The source itself has no GPU to start it with.
    await compose('a', project, 'create', '--scale', 'ai=1', 'ai');
    const { checks } = await refused('fixed', hosts.b);
    const failed = new Map(checks.filter(({ status }) => status === 'fail').map(({ name, detail }) => [name, detail]));
    expect(failed.get('ports_free')).toContain(`${addressOf.a}, which no interface of the target has`);
    expect(failed.get('networks_present')).toContain(
      'subnet 10.44.0.0/24 of network fixed_n (network neighbour uses it)',
    );
    expect(failed.get('compose_supported') ?? '').toContain(
      `bind mount ${dir}/media of service app does not move and is absent on the target`,
    );
    expect(failed.get('devices_present')).toMatch(/gpu.*could not select device driver/);
    expect(await running('a')).toEqual(['fixed-app-1']);
  }, 120_000);

  it('R12 P24: a network joined by hand is joined again, and one that is absent, or another file, is said', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    for (const host of ['a', 'b'] as const) await docker(host, 'network', 'create', 'front');
    await docker('a', 'network', 'create', 'here-only');
    await up('joined', plain());
    await docker('a', 'network', 'connect', '--alias', 'shopfront', 'front', 'joined-app-1');
    await docker('a', 'network', 'connect', 'here-only', 'joined-app-1');
    const { id } = await migrate('joined', hosts.b);
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    const networks = JSON.parse(
      await docker('b', 'inspect', '-f', '{{json .NetworkSettings.Networks}}', 'joined-app-1'),
    );
    expect(Object.keys(networks).sort()).toEqual(['front', 'joined_default']);
    expect(networks.front.Aliases).toContain('shopfront');
    expect(networks.front.IPAddress).not.toBe('');
    const { report } = (await api.get(`/migrations/${id}`)) as { report: { notes: string[] } };
    expect(report.notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Network front, which .* is connected again on the target/),
        expect.stringMatching(/^Network here-only, which .* is not on the target/),
      ]),
    );

    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back' });
    const back = JSON.parse(await docker('a', 'inspect', '-f', '{{json .NetworkSettings.Networks}}', 'joined-app-1'));
    expect(Object.keys(back).sort()).toEqual(['front', 'here-only', 'joined_default']);
  }, 240_000);
});
