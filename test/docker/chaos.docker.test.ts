import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { type Member, startMember, until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type ControlProcess, startControlProcess } from '../support/control-process.ts';
import { wipeBoth } from './docker-rig.ts';
import {
  compose,
  docker,
  gatewayAddress,
  type HostName,
  netnsOf,
  running,
  socketOf,
  writeProject,
} from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

type Part = 'source' | 'target' | 'relay' | 'control';
interface Blow {
  when: string;
  holds(migration: MigrationView): boolean;
  who: Part[];
  /** Asked for once the moment is there; the blow falls when this one is. */
  asking?: { what: string; when: MigrationView['status'] };
}

const at = (status: MigrationView['status']): Pick<Blow, 'when' | 'holds'> => ({
  when: status,
  holds: (migration) => migration.status === status,
});
const inFlight: Pick<Blow, 'when' | 'holds'> = {
  when: 'bytes are on their way',
  holds: ({ status, progress }) => status === 'transferring' && (progress?.bytes_done ?? 0) > 0,
};

const blows: Blow[] = [
  { ...at('preparing'), who: ['source'] },
  { ...at('preparing'), who: ['target', 'control'] },
  { ...at('stopping'), who: ['source'] },
  { ...at('stopping'), who: ['control'] },
  { ...at('transferring'), who: ['relay'] },
  { ...inFlight, who: ['source', 'target', 'relay'] },
  { ...inFlight, who: ['target'] },
  { ...at('shipping'), who: ['source', 'control'] },
  { ...at('deploying'), who: ['target'] },
  { ...at('verifying'), who: ['target', 'relay'] },
  { ...at('verifying'), who: ['source', 'target', 'relay', 'control'] },
  { ...at('completed'), who: ['target', 'control'] },
  { ...at('transferring'), asking: { what: 'cancel', when: 'reverting' }, who: ['source', 'target'] },
  { ...at('completed'), asking: { what: 'rollback', when: 'rolling_back' }, who: ['source', 'target', 'control'] },
];

const stack = (index: number) => `chaos${index}`;
const blob = 48;

describeDocker('agents, relay and control plane killed by SIGKILL, between two real Docker hosts', () => {
  let dir = '';
  let control: ControlProcess;
  let api: ApiClient;
  let parts: Record<Exclude<Part, 'control'>, Member>;
  const stacksDir = (host: HostName) => join(dir, `stacks-${host}`);

  beforeAll(async () => {
    await wipeBoth();
    dir = await mkdtemp(join(tmpdir(), 'stackferry-chaos-'));
    control = await startControlProcess(join(dir, 'control'), gatewayAddress, await freePort(gatewayAddress));
    api = apiClient(control.url, control.adminToken);
    const common = { api, controlUrl: control.url };
    const relayAddress = `${gatewayAddress}:${await freePort(gatewayAddress)}`;
    const relay = await startMember({
      ...common,
      kind: 'relay',
      name: 'relay',
      stateDir: join(dir, 'relay'),
      arguments: [
        '--listen',
        relayAddress,
        '--advertise',
        relayAddress,
        '--status-port',
        String(await freePort('127.0.0.1')),
      ],
    });
    const agent = (host: HostName) =>
      startMember({
        ...common,
        kind: 'host',
        name: host,
        stateDir: join(dir, `host-${host}`),
        arguments: [
          ...['--engine', 'docker', '--docker-socket', socketOf(host), '--docker-binary', '/usr/bin/docker'],
          ...['--stacks-dir', stacksDir(host), '--no-listen'],
        ],
        netns: netnsOf(host),
      });
    parts = { relay, source: await agent('a'), target: await agent('b') };
  }, 180_000);

  afterAll(async () => {
    await Promise.all(Object.values(parts ?? {}).map((part) => part.stop('SIGKILL')));
    await control?.kill();
    await wipeBoth();
    await removeFleet(dir);
  }, 120_000);

  const show = (id: string) => api.get<MigrationView>(`/migrations/${id}`);
  const ended = ({ status }: MigrationView) => ['completed', 'failed', 'cancelled', 'rolled_back'].includes(status);

  async function up(name: string): Promise<string> {
    const project = await writeProject(join(stacksDir('a'), name), {
      'compose.yaml': `
services:
  app: { image: "sf-busybox:1", command: [sleep, "100000"], init: true, restart: always, volumes: ["data:/data"] }
volumes: { data: {} }
`,
    });
    await compose('a', project, 'up', '-d');
    const write = `dd if=/dev/urandom of=/data/blob bs=1M count=${blob} 2>/dev/null; sha256sum /data/blob`;
    return docker('a', 'exec', `${name}-app-1`, 'sh', '-c', write);
  }

  /** A part that is just back may not be seen yet, or the stack not be listed: then the start is refused, and tried again. */
  async function start(name: string): Promise<string> {
    const started: { id: string | null } = { id: null };
    await until(async () => {
      const body = { target_host_id: parts.target.id, sizing: 'stack' };
      started.id = await api.post<MigrationView>(`/stacks/${name}/migrate`, body).then(
        ({ id }) => id,
        () => null,
      );
      return started.id !== null;
    }, `"${name}" to be let go`);
    return started.id!;
  }

  const kill = async (who: Part[]) => {
    await Promise.all(who.map((part) => (part === 'control' ? control.kill() : parts[part].stop('SIGKILL'))));
    if (who.includes('control')) await control.restart();
    for (const part of who) if (part !== 'control') await parts[part].restart();
  };

  it('F40 F11 F13 F14 F28 at fourteen points, one, several or all: each time one side runs, with the right data', async () => {
    const sums = await Promise.all(blows.map((_, index) => up(stack(index))));
    const ids: string[] = [];
    const struck: string[] = [];
    for (const [index, { when, holds, who, asking }] of blows.entries()) {
      const id = await start(stack(index));
      ids.push(id);
      const moment = async (is: (migration: MigrationView) => boolean) => {
        for (;;) {
          const migration = await show(id);
          if (is(migration)) return true;
          if (ended(migration)) return false;
        }
      };
      if (!(await moment(holds))) continue;
      if (asking) {
        const asked = await api.post(`/migrations/${id}/${asking.what}`, {}).then(
          () => true,
          () => false,
        );
        if (!asked || !(await moment(({ status }) => status === asking.when))) continue;
      }
      await kill(who);
      struck.push(`${who.join(', ')} at ${asking?.when ?? when}`);
    }
    expect(struck.length, struck.join('; ')).toBeGreaterThanOrEqual(10);

    for (const [index, id] of ids.entries()) {
      await until(
        async () => ended(await show(id)) && (await show(id)).owed.length === 0,
        `${stack(index)} to end`,
        240_000,
      );
      const { status } = await show(id);
      const [home, other]: HostName[] = status === 'completed' ? ['b', 'a'] : ['a', 'b'];
      const name = `${stack(index)}-app-1`;
      await until(async () => (await running(home!)).includes(name), `${name} to run on ${home}, being ${status}`);
      expect(await running(other!), `${name} is ${status}`).not.toContain(name);
      expect(await docker(home!, 'exec', name, 'sha256sum', '/data/blob')).toBe(sums[index]);
    }
  }, 600_000);
});
