import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runsNow } from '../../agent/engine/embedded/containers.ts';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { stackFileName } from '../../agent/engine/embedded/stack-file.ts';
import { makeStackVolumes, upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { manifestOfTree } from '../../agent/engine/embedded/tree-manifest.ts';
import { allVolumes, dataOf } from '../../agent/engine/embedded/volume-store.ts';
import { type Member, until } from '../../cli/local/fleet.ts';
import { startControlPlane } from '../../cli/local/start.ts';
import type { DrainView } from '../../schema/api/drains.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FleetRig, startFleetRig } from '../support/fleet-rig.ts';

const names = Array.from({ length: 20 }, (_, n) => `web-${String(n + 1).padStart(2, '0')}`);
/** Each runs at home only: one ends at once elsewhere, one never becomes healthy there. */
const [ends, ails] = ['web-07', 'web-13'] as const;
const homesick: string[] = [ends, ails];
const movable = names.filter((name) => !homesick.includes(name));
const hosts = ['old', 'new-1', 'new-2'] as const;
type Host = (typeof hosts)[number];
const atOnceMax = 4;

let fleet: FleetRig;
let control: { close(): Promise<void> };
const members = {} as Record<Host, Member>;
const rootOf = (host: Host) => join(fleet.dir, `root-${host}`);

/** The real thing in small: a process that is probed, and a volume. */
async function seed(name: string): Promise<void> {
  const host = await openHostRoot(rootOf('old'));
  const directory = join(host.stacks, name);
  await mkdir(directory, { recursive: true });
  const onlyAtHome = (command: string) => ['sh', '-c', `case "$PWD" in ${directory}) ${command};; *) exit 1;; esac`];
  const web = {
    command: name === ends ? onlyAtHome('exec sleep 3600') : ['sleep', '3600'],
    healthcheck: { command: name === ails ? onlyAtHome('true') : ['true'], interval_ms: 100 },
    // What is restarted is given the whole health timeout to become well.
    restart: name === ends ? 'no' : 'always',
    volumes: ['data:/data'],
  };
  await writeFile(join(directory, stackFileName), JSON.stringify({ services: { web }, volumes: { data: {} } }));
  await makeStackVolumes(host, name);
  await writeFile(join(dataOf(host, `${name}_data`), 'data.bin'), randomBytes(64 * 1024));
  await upStack(rootOf('old'), name);
}

beforeAll(async () => {
  fleet = await startFleetRig();
  control = fleet.control;
  const add = async (name: Host) => {
    members[name] = await fleet.addHost(name, ['--engine', 'embedded', '--embedded-root', rootOf(name)]);
  };
  await Promise.all(hosts.map(add));
  for (const name of names) await seed(name);
  for (const name of names) await fleet.stackAt(name, members.old);
}, 120_000);
afterAll(async () => {
  await Promise.all(Object.values(members).map((member) => member.stop()));
  await control?.close();
  await fleet?.close();
}, 60_000);

async function runningOn(host: Host): Promise<string[]> {
  const root = await openHostRoot(rootOf(host));
  const records = await root.containers.all();
  const runs = await Promise.all(records.map((record) => runsNow(root, record)));
  return records.flatMap(({ project }, index) => (runs[index] ? [project] : [])).toSorted();
}

async function digestOf(host: Host, name: string): Promise<string> {
  return (await manifestOfTree(dataOf(await openHostRoot(rootOf(host)), `${name}_data`))).sha256;
}

/** What a stack left on a host: containers, volumes, files. */
async function tracesOn(host: Host, name: string): Promise<string[]> {
  const root = await openHostRoot(rootOf(host));
  const containers = (await root.containers.all()).filter(({ project }) => project === name).map(({ id }) => id);
  const volumes = (await allVolumes(root)).map((volume) => volume.name).filter((volume) => volume === `${name}_data`);
  const directory = join(root.stacks, name);
  return [...containers, ...volumes, ...(existsSync(directory) ? [directory] : [])];
}

/** The platform restarts on the same state. */
async function restartControl(): Promise<void> {
  const { hostname, port } = new URL(fleet.control.url);
  await control.close();
  control = await startControlPlane({ dataDir: join(fleet.dir, 'control'), host: hostname, port: Number(port) });
}

function mostAtOnce(spans: { created_at: string; ended_at: string | null }[]): number {
  const at = (time: string | null) => (time === null ? Number.POSITIVE_INFINITY : Date.parse(time));
  const others = (begin: number) => spans.filter((one) => at(one.created_at) <= begin && begin < at(one.ended_at));
  return Math.max(...spans.map(({ created_at }) => others(at(created_at)).length));
}

test('a drain of 20 stacks of which two fail leaves those two running at home, though the control plane is restarted in the middle', {
  timeout: 240_000,
}, async () => {
  const digests = new Map<string, string>();
  for (const name of names) digests.set(name, await digestOf('old', name));
  const { id } = await fleet.api.post<DrainView>(`/hosts/${members.old.id}/drain`, { max_parallel: atOnceMax });
  const show = () => fleet.api.get<DrainView>(`/drains/${id}`);
  await until(async () => (await show()).summary.moved >= 5, 'some stacks to be moved');
  await restartControl();
  await until(async () => (await show()).ended_at !== null, 'the drain to end', 180_000);

  const end = await show();
  expect(end).toMatchObject({ status: 'failed', summary: { moved: 18, stayed: 2, waiting: 0, moving: 0, gone: 0 } });
  const stayed = end.stacks.filter(({ status }) => status === 'stayed');
  expect(stayed.map(({ stack, obstacle }) => [stack.name, obstacle?.code]).toSorted()).toEqual([
    [ends, 'unhealthy'],
    [ails, 'unhealthy'],
  ]);

  const runs = { old: await runningOn('old'), 'new-1': await runningOn('new-1'), 'new-2': await runningOn('new-2') };
  expect(runs.old).toEqual(homesick);
  expect([...runs['new-1'], ...runs['new-2']].toSorted(), 'one copy of each, and no second one').toEqual(movable);
  for (const { stack, target, status } of end.stacks) {
    const home = status === 'moved' ? (target?.name as Host) : 'old';
    expect(runs[home]).toContain(stack.name);
    expect(await digestOf(home, stack.name), stack.name).toBe(digests.get(stack.name));
  }
  for (const name of homesick)
    for (const host of ['new-1', 'new-2'] as const) expect(await tracesOn(host, name)).toEqual([]);

  const { items } = await fleet.api.get<{ items: MigrationView[] }>('/migrations?limit=100');
  expect(items.map(({ stack }) => stack.name).toSorted(), 'each was moved once').toEqual(names);
  expect(mostAtOnce(items)).toBeLessThanOrEqual(atOnceMax);
  expect(mostAtOnce(items)).toBeGreaterThan(1);
});
