import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { Member } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { hostPrivileges } from '../../schema/facts.ts';
import type { Check, Report } from '../../schema/preflight-report.ts';
import { type DockerRig, startDockerRig, wipeBoth } from '../docker/docker-rig.ts';
import { compose, docker, type HostName, type Project, socketOf } from '../docker/two-hosts.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { run } from '../support/run.ts';
import type { Needs, StackDescription } from './description.ts';
import { contentsOf, type Model } from './injected.ts';
import { containersOf, dataMounts, stackState } from './stack-state.ts';
import { type StubEngines, startStubEngines } from './stub-engines.ts';

/** Two engines that run stubs, and agents that let every power in. */
export interface MoveRig extends DockerRig {
  engines: StubEngines;
}

export async function startMoveRig(catalogue: Record<string, StackDescription>): Promise<MoveRig> {
  await wipeBoth();
  const rig = await startDockerRig({ agentArguments: ['--allow', hostPrivileges.join(',')] });
  const jobs = Object.entries(catalogue).flatMap(([name, stack]) => (stack.jobs ?? []).map((job) => `${name}/${job}`));
  const engines = await startStubEngines(jobs);
  const close = async () => {
    await wipeBoth();
    await engines.close();
    await rig.close();
  };
  return { ...rig, engines, close };
}

export interface Running {
  project: Project;
  model: Model;
}

const stacksOf = (rig: MoveRig, host: HostName) => join(rig.dir, `stacks-${host}`);

/** Brings a stack up on host a, with data in everything that it mounts. */
export async function bringUp(rig: MoveRig, name: string, stack: StackDescription): Promise<Running> {
  const dir = join(stacksOf(rig, 'a'), name);
  await cp(join(import.meta.dirname, 'files', name), dir, { recursive: true, verbatimSymlinks: true });
  const shell = (script = ':') =>
    run('sh', ['-ec', script], {
      cwd: dir,
      env: { DOCKER_HOST: `unix://${socketOf('a')}`, SOCKET: socketOf('a') },
    });
  await shell(stack.prepare);
  const project: Project = { name, dir, composeFiles: [] };
  const model: Model = JSON.parse(await compose('a', project, 'config', '--format', 'json'));
  const services = Object.entries(model.services);
  const images = new Set(services.map(([service, { image }]) => image ?? `${name}-${service}`));
  await rig.engines.tag([...images], stack);
  await compose('a', project, 'up', '-d', '--pull', 'never', ...(stack.up ?? []));
  await seed(name, rig.dir);
  await shell(stack.meanwhile);
  await rig.stackAt(name, rig.hosts.a);
  return { project, model };
}

/** Something of every kind in each volume and each directory of the stack's that its containers mount. */
async function seed(name: string, root: string): Promise<void> {
  const sources = (await containersOf('a', name)).flatMap((container) =>
    dataMounts(container, root).map(({ Source }) => Source),
  );
  const script = `for at; do
    test -d "$at" || continue
    mkdir -p "$at/seed/of this"; cd "$at/seed"
    test -e same || head -c 20000 /dev/urandom >'of this/rows'
    ln -sf 'of this/rows' link; ln -f 'of this/rows' same; chmod 640 same; chown 1000:1001 'of this'; touch -d @1000000000 .
  done`;
  await run('sh', ['-ec', script, 'seed', ...new Set(sources)]);
}

/** Asks again, as a person would, where a busy host did not answer in time. */
async function trial(rig: MoveRig, name: string, target: Member, options: object): Promise<Report> {
  const asked = { target_host_id: target.id, sizing: 'stack', ...options };
  for (let tries = 1; ; tries += 1) {
    const report = await rig.api.post<Report>(`/stacks/${name}/migrate/preflight`, asked);
    if (tries === trialsMax || !report.checks.some(({ detail }) => detail.includes('in time'))) return report;
  }
}
const trialsMax = 3;

async function begun(rig: MoveRig, name: string, options: Record<string, unknown>): Promise<MigrationView> {
  for (let tries = 1; ; tries += 1)
    try {
      return await rig.migrate(name, rig.hosts.b, options);
    } catch (error) {
      if (tries === trialsMax || !String(error).includes('in time')) throw error;
    }
}

const wordsOf = ({ checks }: Report) =>
  checks.flatMap(({ name, status, detail }) => (status === 'fail' ? [`${name}: ${detail}`] : [])).join('\n');

const detailOf = ({ checks }: Report, check: string) => checks.find(({ name }) => name === check)?.detail ?? '';

/**
 * Given nothing, the pre-flight asks for what the description says, and for nothing else. Bind mounts it offers: both hosts
 * share this machine's file system, so none is absent on the target.
 */
export async function asksForExactly(
  rig: MoveRig,
  name: string,
  target: Member,
  needs: Needs,
  { project }: Running,
): Promise<void> {
  const report = await trial(rig, name, target, {});
  const failed = report.checks.filter(({ status }) => status === 'fail');
  const { with_external = false, allow } = needs;
  const lifted = ({ name, lifted_by }: Check) => name === 'policy_allows' || lifted_by.some((way) => way.with_external);
  expect(failed.every(lifted), wordsOf(report)).toBe(true);
  expect(failed.some(({ name }) => name !== 'policy_allows')).toBe(with_external);
  const offered = report.bind_mounts.filter(({ path, obstacle }) => obstacle === null && path.startsWith(rig.dir));
  expect(offered.map(({ path }) => path).toSorted()).toEqual(
    (needs.binds ?? []).map((path) => resolve(project.dir, path)).toSorted(),
  );
  for (const { path } of offered)
    expect(report.notes).toContainEqual(expect.stringMatching(`^Bind mount ${path} .* is not moved`));
  const [, powers] = /--allow ([\w,]+)/.exec(detailOf(report, 'policy_allows')) ?? [];
  expect(powers?.split(',').toSorted()).toEqual(allow?.toSorted());
}

const optionsOf = (rig: MoveRig, needs: Needs, dir: string) => ({
  // Not beside the arriving project: that place is for projects.
  binds: (needs.binds ?? [])
    .map((path) => resolve(dir, path))
    .map((path) => `${path}=${path.replace(`${rig.dir}/`, `${rig.dir}/there/`)}`),
  ...(needs.with_external ? { with_external: true } : {}),
});

/** Given all that it needs, it is refused in these words, and goes on running. */
export async function staysRefused(
  rig: MoveRig,
  name: string,
  stack: StackDescription,
  { project }: Running,
): Promise<void> {
  const report = await trial(rig, name, rig.hosts.b, optionsOf(rig, stack.needs ?? {}, project.dir));
  const details = failedChecks(report).map((check) => detailOf(report, check));
  expect(details.join('\n')).toMatch(stack.refused!);
  expect(await docker('a', 'ps', '-q', '--filter', `label=com.docker.compose.project=${name}`)).not.toBe('');
}

/** There and back by a rollback; equal at each end. */
export async function movesAndComesBack(
  rig: MoveRig,
  name: string,
  stack: StackDescription,
  { project, model }: Running,
): Promise<void> {
  const fixed = Object.values(model.networks ?? {}).flatMap(({ name, ipam }) => (ipam?.config ? [name] : []));
  const look = async (host: HostName) => ({
    ...(await stackState(host, name, rig.dir, fixed)),
    injected: await contentsOf(host, name, model),
  });
  const runsOn = (host: HostName) =>
    docker(host, 'ps', '--format', '{{.Names}}', '--filter', `label=com.docker.compose.project=${name}`);
  const before = await look('a');

  const options = optionsOf(rig, stack.needs ?? {}, project.dir);
  const { id } = await begun(rig, name, options);
  const moved = await rig.ended(id);
  expect(moved, JSON.stringify(moved.failure)).toMatchObject({ status: 'completed', failure: null });
  expect(await runsOn('a')).toBe('');
  expect(await look('b')).toEqual(before);

  await rig.api.post<MigrationView>(`/migrations/${id}/rollback`, {});
  expect(await rig.ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
  expect(await runsOn('b')).toBe('');
  expect(await look('a')).toEqual(before);
}

/** Makes room for the next: engines have about thirty subnets. */
export async function takeDown(name: string): Promise<void> {
  for (const host of ['a', 'b'] as const) {
    const listed = async (...args: string[]) =>
      (await docker(host, ...args, '--filter', `label=com.docker.compose.project=${name}`)).split('\n').filter(Boolean);
    const containers = await listed('ps', '-aq');
    if (containers.length > 0) await docker(host, 'rm', '-fv', ...containers);
    const networks = await listed('network', 'ls', '-q');
    if (networks.length > 0) await docker(host, 'network', 'rm', ...networks);
  }
}
