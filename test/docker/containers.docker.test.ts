import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { helperImageLabel } from '../../agent/engine/docker/labels.ts';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { buildPrograms } from '../support/build-programs.ts';
import { type FleetRig, startFleetRig } from '../support/fleet-rig.ts';
import { importParts, layParts, parts } from '../support/image-parts.ts';
import { run } from '../support/run.ts';
import { wipeBoth } from './docker-rig.ts';
import {
  compose,
  docker,
  dockerd,
  gatewayAddress,
  type HostName,
  running,
  socketOf,
  writeProject,
} from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const hosts = ['a', 'b'] as const;
const root = join(import.meta.dirname, '../..');
const image = 'stackferry-agent:test';

/** Slow to be well, so that something can happen meanwhile; what it writes is a small part of a large file. */
const stack = `
services:
  db:
    image: sf-busybox:1
    init: true
    command:
      - sh
      - -c
      - |
        test -e /data/big || dd if=/dev/urandom of=/data/big bs=1M count=48
        sleep 6; touch /well
        while sleep 0.2; do dd if=/dev/urandom of=/data/big bs=64k count=1 conv=notrunc 2>/dev/null; done
    healthcheck: { test: test -e /well, interval: 1s, retries: 60 }
    restart: always
    volumes: ["data:/data", "./conf:/conf:ro"]
volumes: { data: {} }
`;

/** The image as the Dockerfile makes it, on a base and a client from this machine: no registry is reached here. */
async function buildImage(dir: string): Promise<void> {
  const context = join(dir, 'context');
  await buildPrograms(join(context, 'dist'));
  for (const part of ['deploy', 'LICENSE', '.dockerignore'])
    await cp(join(root, part), join(context, part), { recursive: true });
  await layParts(dir);
  const script = `${importParts}
    docker build -f context/deploy/docker/Dockerfile --build-arg BASE=${parts.baseImage} --build-arg CLIENT=${parts.clientImage} \
      -t ${image} context
    docker save ${image} | docker -H unix://${socketOf('b')} load`;
  const env = { DOCKER_HOST: `unix://${socketOf('a')}`, DOCKER_BUILDKIT: '0' };
  await run('sh', ['-ec', script], { cwd: dir, env, timeoutMs: 180_000 });
}

describeDocker('agents in containers of the hosts that they serve', () => {
  let rig: FleetRig;
  const agents = { a: { id: '', name: 'a' }, b: { id: '', name: 'b' } };
  const stacksDir = (host: HostName) => join(rig.dir, `stacks-${host}`);
  const member = (host: HostName) => agents[host] as Parameters<FleetRig['migrate']>[1];
  const without = async (host: HostName, ...left: string[]) => {
    const flags = await flagsOf(host);
    const kept = flags.filter((flag) => !left.some((each) => flag.includes(each)));
    return docker(host, 'run', '--rm', ...kept, image, 'agent', ...argumentsOf(host)).catch(String);
  };
  const stateOf = (host: HostName) => join(rig.dir, `agent-${host}`);
  const argumentsOf = (host: HostName) => [
    ...['--control', rig.control.url, '--state', stateOf(host), '--stacks-dir', stacksDir(host)],
  ];
  const flagsOf = async (host: HostName) => {
    const dataRoot = (await docker(host, 'info', '-f', '{{.DockerRootDir}}')).trim();
    const mounts = [
      `${socketOf(host)}:/var/run/docker.sock`,
      ...[dataRoot, stateOf(host), stacksDir(host)].map((at) => `${at}:${at}`),
    ];
    return ['--network=host', '--pid=host', ...mounts.map((mount) => `--volume=${mount}`)];
  };
  const start = async (host: HostName) => {
    const { id, join_token } = await rig.api.post<{ id: string; join_token: string }>('/hosts', { name: host });
    agents[host].id = id;
    for (const directory of [stateOf(host), stacksDir(host)]) await mkdir(directory, { recursive: true });
    const named = ['--name', 'agent', '-e', `STACKFERRY_JOIN_TOKEN=${join_token}`];
    await docker(host, 'run', '-d', ...named, ...(await flagsOf(host)), image, 'agent', ...argumentsOf(host));
    const health = async () => (await docker(host, 'inspect', '-f', '{{.State.Health.Status}}', 'agent')).trim();
    await until(async () => (await health()) === 'healthy', `the agent of ${host} to be healthy`);
  };
  const stacks = async (host: HostName) => (await running(host)).filter((name) => name.endsWith('-db-1'));
  const guards = (host: HostName) => docker(host, 'ps', '-q', '--filter', 'label=dev.stackferry.guard');

  beforeAll(async () => {
    for (const host of hosts) await dockerd('start', host);
    await wipeBoth();
    rig = await startFleetRig({ address: gatewayAddress });
    await buildImage(rig.dir);
  }, 300_000);
  beforeEach(async () => {
    await wipeBoth();
    for (const host of hosts) await start(host);
  }, 120_000);
  afterEach(async () => {
    for (const host of hosts) {
      await docker(host, 'stop', 'agent').catch(() => '');
      await rig.api.delete(`/hosts/${agents[host].id}`).catch(() => {});
    }
    // Guards' containers too, which write into a state directory.
    await wipeBoth();
    for (const host of hosts) await rm(stateOf(host), { recursive: true, force: true });
  }, 120_000);
  afterAll(async () => {
    await rig?.close();
  }, 60_000);

  const up = async (name: string) => {
    const project = await writeProject(join(stacksDir('a'), name), {
      'compose.yaml': stack,
      'conf/app.conf': 'kept\n',
    });
    await compose('a', project, 'up', '-d', '--wait', '--wait-timeout', '90');
    await rig.stackAt(name, member('a'));
  };

  it('move a stack there and back by blocks, their helpers made of their own image', async () => {
    const { api, migrate, ended } = rig;
    const made = async (host: HostName) => docker(host, 'images', '-q', '--filter', `label=${helperImageLabel}`);
    const before = { a: await made('a'), b: await made('b') };
    await up('ferry');
    const goes = async (from: HostName, to: HostName) => {
      const { id } = await migrate('ferry', member(to), { mode: 'pre-copy' });
      expect((await ended(id)).failure).toBeNull();
      expect([await stacks(from), await stacks(to)]).toEqual([[], ['ferry-db-1']]);
      expect(await docker(to, 'exec', 'ferry-db-1', 'cat', '/conf/app.conf')).toBe('kept\n');
      const log = await run('sh', ['-c', `docker -H unix://${socketOf(to)} logs agent 2>&1`]);
      const carried = [...log.matchAll(/lane v0: carried .*?"bytes":(\d+)/g)].map(([, bytes]) => Number(bytes));
      expect(carried.at(-1), 'the last pass: blocks of a file of 48 MiB').toBeLessThan(16 * 1_048_576);
      await api.delete(`/stacks/ferry/migrate/${id}/source`);
    };
    await goes('a', 'b');
    await goes('b', 'a');
    expect({ a: await made('a'), b: await made('b') }).toEqual(before);
  }, 240_000);

  it('a lease is guarded from a container that outlives the agent’s', async () => {
    const { api, migrate, ended } = rig;
    await up('guarded');
    const { id } = await migrate('guarded', member('b'));
    await until(
      async () => (await api.get<MigrationView>(`/migrations/${id}`)).status === 'verifying',
      'the start on b',
    );
    expect(await guards('b')).not.toBe('');
    await docker('b', 'kill', 'agent');
    expect(await guards('b')).not.toBe('');
    await docker('b', 'start', 'agent');
    const { status } = await ended(id);
    expect(['completed', 'failed']).toContain(status);
    expect([await stacks('a'), await stacks('b')]).toEqual(
      status === 'completed' ? [[], ['guarded-db-1']] : [['guarded-db-1'], []],
    );
    await until(async () => (await guards('b')) === '', 'the guard to go');
  }, 240_000);

  it('says in one sentence what its container was started without', async () => {
    await docker('a', 'stop', 'agent');
    expect(await without('a', '--pid')).toContain('start it with --pid host');
    expect(await without('a', '--network')).toContain('start it with --network host');
    for (const path of [stateOf('a'), stacksDir('a')])
      expect(await without('a', path)).toContain(`start it with -v ${path}:${path}`);
  }, 120_000);
});
