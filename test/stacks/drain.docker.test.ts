import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { DrainView } from '../../schema/api/drains.ts';
import { wipeBoth } from '../docker/docker-rig.ts';
import { docker, dockerBinary, type HostName, running, socketOf } from '../docker/two-hosts.ts';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { run } from '../support/run.ts';
import { catalogue, drained } from './catalogue/index.ts';
import { inParallel } from './in-parallel.ts';
import { bringUp, type MoveRig, placesOf, type Running, startMoveRig } from './move-rig.ts';
import { stackState } from './stack-state.ts';

/** Containers of `docker run`, each with data of its own. */
const plain = {
  lonely: ['-v', 'lonely-data:/data', '-e', 'COLOUR=blue'],
  nameless: ['-v', '/data', '--restart', 'unless-stopped'],
  wired: ['--network', 'wired-net', '--network-alias', 'w', '-v', 'wired-data:/data'],
  bounded: ['-v', 'bounded-data:/data', '--memory', '64m', '-p', '127.0.0.1:18190:80'],
};
const plainNames = Object.keys(plain);
const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

interface PlanFile {
  max_parallel: number;
  stacks: Record<string, { to?: string; leave?: boolean; binds?: string[]; with_external?: boolean }>;
}

describeDocker('a host of twelve stacks and four plain containers', () => {
  let rig: MoveRig;
  const ups = new Map<string, Running>();

  beforeAll(async () => {
    rig = await startMoveRig(catalogue);
    await inParallel(drained, async (name) => void ups.set(name, await bringUp(rig, name, catalogue[name]!)));
    await docker('a', 'network', 'create', 'wired-net');
    for (const [name, options] of Object.entries(plain))
      await docker('a', 'run', '-d', '--name', name, ...options, 'stub:1', '/.stub/init', 'run');
  }, 600_000);
  afterAll(async () => {
    await wipeBoth();
    await rig?.engines.close();
    await rig?.close();
  }, 180_000);

  const operate = (...args: string[]) => {
    const { url, adminToken } = rig.control;
    return run(process.execPath, [cli, ...args], {
      env: { STACKFERRY_URL: url, STACKFERRY_TOKEN: adminToken ?? '', XDG_CONFIG_HOME: rig.dir },
      timeoutMs: 900_000,
    });
  };
  const adopt = (name: string) =>
    operate(
      ...['adopt', name, '--dir', join(rig.dir, 'stacks-a', name), '--state', join(rig.dir, 'host-a')],
      ...['--docker-socket', socketOf('a'), '--docker-binary', dockerBinary],
    );

  /** Bind mounts of all stacks on their way from this host. */
  const bindsFrom = (host: HostName, name: string) => {
    const { project } = ups.get(name) ?? {};
    const places = project ? placesOf(rig, catalogue[name]?.needs ?? {}, project.dir) : [];
    return places.map(([here, there]) => (host === 'a' ? `${here}=${there}` : `${there}=${here}`));
  };

  /** By a plan that is written, edited as a person would, and followed. */
  async function drain(from: HostName): Promise<DrainView> {
    const file = join(rig.dir, `plan-${from}.yaml`);
    await operate('drain', from, '--write-plan', file);
    const plan = parse(await readFile(file, 'utf8')) as PlanFile;
    expect(Object.keys(plan.stacks).toSorted()).toEqual([...drained, ...plainNames].toSorted());
    for (const [name, entry] of Object.entries(plan.stacks)) {
      delete entry.leave;
      const binds = bindsFrom(from, name);
      if (binds.length > 0) entry.binds = binds;
      if (catalogue[name]?.needs?.with_external || name === 'wired') entry.with_external = true;
    }
    await writeFile(file, stringify({ ...plan, max_parallel: 4 }));
    await operate('drain', from, '--file', file, '--yes', '--watch');
    await operate('uncordon', from);
    const { items } = await rig.api.get<{ items: DrainView[] }>('/drains');
    return await rig.api.get<DrainView>(`/drains/${items[0]!.id}`);
  }

  const look = async (host: HostName) => {
    const states: Record<string, unknown> = {};
    for (const name of drained) states[name] = await stackState(host, name, rig.dir, ['staticlan_lan']);
    return states;
  };
  const dataOf = async (host: HostName, name: string) =>
    join((await docker(host, 'inspect', '-f', '{{(index .Mounts 0).Source}}', name)).trim(), 'note');
  const notes = (host: HostName) =>
    Promise.all(plainNames.map(async (name) => readFile(await dataOf(host, name), 'utf8')));

  it('is drained by one plan file, and comes back by another', async () => {
    const unadopted = join(rig.dir, 'plan-unadopted.yaml');
    await operate('drain', 'a', '--write-plan', unadopted);
    expect(await readFile(unadopted, 'utf8')).toContain(' adopt lonely ');
    for (const name of plainNames) {
      await writeFile(await dataOf('a', name), `of ${name}`);
      await adopt(name);
    }
    const before = await look('a');
    const containers = await running('a');

    const there = await drain('a');
    expect(there, JSON.stringify(there)).toMatchObject({ status: 'completed' });
    expect(await running('a')).toEqual([]);
    expect(await running('b')).toEqual(containers);
    expect(await look('b')).toEqual(before);
    expect(await notes('b')).toEqual(plainNames.map((name) => `of ${name}`));

    for (const { stack, migration_id } of there.stacks)
      await rig.api.delete(`/stacks/${stack.name}/migrate/${migration_id}/source`);
    const back = await drain('b');
    expect(back, JSON.stringify(back)).toMatchObject({ status: 'completed' });
    expect(await running('b')).toEqual([]);
    expect(await running('a')).toEqual(containers);
    expect(await look('a')).toEqual(before);
    expect(await notes('a')).toEqual(plainNames.map((name) => `of ${name}`));
  }, 1_200_000);
});
