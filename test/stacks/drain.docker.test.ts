import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { PlanEntry } from '../../cli/plan-file/plan-file.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { documents, start } from '../cli/stackferry.ts';
import { docker, dockerBinary, type HostName, mountpoint, socketOf } from '../docker/two-hosts.ts';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { catalogue } from './catalogue/index.ts';
import type { StackDescription } from './description.ts';
import { bringUp, type MoveRig, startMoveRig } from './move-rig.ts';
import { stackState } from './stack-state.ts';

const names = [
  ...['jukebox', 'photoroom', 'comicshelf', 'frontgarden', 'gatekeeper', 'sidegate'],
  ...['staticlan', 'recipejar', 'mailroom', 'hiddenstore', 'oldlibrary', 'restful'],
];
const stacks = Object.fromEntries(names.map((name) => [name, catalogue[name]!])) as Record<string, StackDescription>;
const plain = ['till', 'bell', 'clock', 'lamp'];
const everything = [...names, ...plain];

interface PlanDocument {
  stacks: Record<string, PlanEntry>;
}

describeDocker('a host with twelve stacks and four plain containers', () => {
  let rig: MoveRig;
  let env: NodeJS.ProcessEnv;
  const cli = (...args: string[]) => start(args, { env }).ended;

  beforeAll(async () => {
    rig = await startMoveRig(stacks);
    const { url, adminToken } = rig.control;
    env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: adminToken ?? '' };
    for (const [name, stack] of Object.entries(stacks)) await bringUp(rig, name, stack);
    for (const name of plain) await runPlain(name);
  }, 600_000);
  afterAll(() => rig?.close(), 180_000);

  async function runPlain(name: string): Promise<void> {
    const told = ['-e', `NAME=${name}`, '--restart', 'always', '--label', 'kind=plain', '-v', `${name}-data:/data`];
    await docker('a', 'run', '-d', '--name', name, ...told, 'stub:1', '/.stub/init', 'run');
    const data = await mountpoint('a', `${name}-data`);
    await writeFile(join(data, 'rows'), name);
    const own = ['--state', join(rig.dir, 'host-a'), '--docker-socket', socketOf('a'), '--docker-binary', dockerBinary];
    const adopted = await cli('adopt', name, '--dir', join(rig.dir, 'stacks-a', name), ...own);
    expect(adopted).toMatchObject({ code: 0 });
    await rig.stackAt(name, rig.hosts.a);
  }

  const settings = '{{json .Config.Cmd}} {{json .HostConfig.RestartPolicy}} {{.State.Status}}';
  /** What all of them are on a host: settings and data. */
  async function look(host: HostName): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    for (const name of names) {
      const { volumes: _, networks: __, ...state } = await stackState(host, name, rig.dir, []);
      found[name] = state;
    }
    for (const name of plain) {
      const data = await mountpoint(host, `${name}-data`);
      found[name] = [await docker(host, 'inspect', '-f', settings, name), await readFile(join(data, 'rows'), 'utf8')];
    }
    return found;
  }

  /** Writes the plan of a host, chooses what each stack needs to move, and does it. */
  async function drain(from: HostName, choose: (name: string) => PlanEntry): Promise<void> {
    const file = join(rig.dir, `plan-of-${from}.yaml`);
    expect(await cli('drain', from, '--write-plan', file)).toMatchObject({ code: 0 });
    const text = await readFile(file, 'utf8');
    const plan = parse(text) as PlanDocument;
    for (const [name, { leave: _, ...entry }] of Object.entries(plan.stacks))
      plan.stacks[name] = { ...entry, ...choose(name) };
    await writeFile(file, stringify(plan));
    expect(Object.keys(plan.stacks).toSorted(), text).toEqual(everything.toSorted());

    const { code, out, err } = await cli('drain', from, '--file', file, '--yes', '--watch', '--json');
    const end = documents(out).at(-1);
    expect(code, `${err}\n${JSON.stringify(end, null, 1)}`).toBe(0);
    expect(await docker(from, 'ps', '--format', '{{.Names}}')).toBe('');
  }

  /** `bind`: of a directory beside the projects of a, and its place on b. */
  function needsOf(name: string, bind: (here: string, there: string) => string): PlanEntry {
    const { binds = [], with_external = false } = stacks[name]?.needs ?? {};
    const paths = binds.map((path) => resolve(rig.dir, 'stacks-a', name, path));
    return { with_external, binds: paths.map((path) => bind(path, path.replace(rig.dir, `${rig.dir}/there`))) };
  }

  it('are drained with one plan file, and come back with another', async () => {
    const before = await look('a');
    await drain('a', (name) => needsOf(name, (here, there) => `${here}=${there}`));
    expect(await look('b')).toEqual(before);

    const { items } = await rig.api.get<{ items: MigrationView[] }>('/migrations?status=completed&limit=100');
    for (const { id, stack } of items) await rig.api.delete(`/stacks/${stack.name}/migrate/${id}/source`);
    expect(await cli('uncordon', 'a')).toMatchObject({ code: 0 });
    await drain('b', (name) => needsOf(name, (here, there) => `${there}=${here}`));
    expect(await look('a')).toEqual(before);
  }, 1_200_000);
});
