import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { stackFileName } from '../../agent/engine/embedded/stack-file.ts';
import { makeStackVolumes, upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { dataOf } from '../../agent/engine/embedded/volume-store.ts';
import type { Member } from '../../cli/local/fleet.ts';
import type { DrainPlanView, DrainView } from '../../schema/api/drains.ts';
import { type FleetRig, startFleetRig } from '../support/fleet-rig.ts';
import { documents, start } from './stackferry.ts';

const names = ['web-1', 'web-2', 'web-3', 'web-4', 'homesick'];
const bound = { timeout: 150_000 };
let fleet: FleetRig;
let env: NodeJS.ProcessEnv;
const rootOf = (name: string) => join(fleet.dir, `root-${name}`);

/** Runs anywhere, but for the one that runs on its first host only. */
async function seed(name: string): Promise<void> {
  const host = await openHostRoot(rootOf('old'));
  const directory = join(host.stacks, name);
  await mkdir(directory, { recursive: true });
  const atHome = `case "$PWD" in ${rootOf('old')}*) exec sleep 3600;; *) exit 1;; esac`;
  const command = name === 'homesick' ? ['sh', '-c', atHome] : ['sleep', '3600'];
  // What is restarted is given the whole health timeout to become well.
  const restart = name === 'homesick' ? 'no' : 'always';
  const file = { services: { only: { command, restart, volumes: ['data:/data'] } }, volumes: { data: {} } };
  await writeFile(join(directory, stackFileName), JSON.stringify(file));
  await makeStackVolumes(host, name);
  await writeFile(join(dataOf(host, `${name}_data`), 'name.txt'), name);
  await upStack(rootOf('old'), name);
}

beforeAll(async () => {
  fleet = await startFleetRig();
  const add = (name: string): Promise<Member> =>
    fleet.addHost(name, ['--engine', 'embedded', '--embedded-root', rootOf(name)]);
  const old = await add('old');
  await add('new');
  for (const name of names) await seed(name);
  for (const name of names) await fleet.stackAt(name, old);
  env = { PATH: process.env.PATH, STACKFERRY_URL: fleet.control.url, STACKFERRY_TOKEN: fleet.control.adminToken ?? '' };
}, 120_000);
afterAll(() => fleet?.close(), 60_000);

const run = (...args: string[]) => start(args, { env }).ended;
const homes = async () =>
  Object.fromEntries(
    (JSON.parse((await run('stacks', '--json')).out) as { name: string; host_name: string }[]).map((stack) => [
      stack.name,
      stack.host_name,
    ]),
  );

test('a plan says where each stack would go, and changes nothing', bound, async () => {
  const { code, out } = await run('drain', 'old', '--plan', '--json');
  const plan = JSON.parse(out) as DrainPlanView;
  expect(code).toBe(0);
  expect(plan.stacks.map(({ target }) => target?.name)).toEqual(names.map(() => 'new'));
  const shown = await run('drain', 'old', '--plan');
  expect(shown.out).toContain('All 5 stacks of old can be moved.');
  expect((await run('drains')).out).toContain('No drains.');
});

test('a plan is written to a new file, which is refused or followed as it was edited', bound, async () => {
  const file = join(fleet.dir, 'plan.yaml');
  const written = await run('drain', 'old', '--write-plan', file);
  expect([written.code, written.out]).toEqual([0, expect.stringContaining(`--file ${file}`)]);
  const text = await readFile(file, 'utf8');
  expect([...text.matchAll(/^ {4}to: (.*)$/gm)].map(([, to]) => to)).toEqual(names.map(() => 'new'));
  const again = await run('drain', 'old', '--write-plan', file);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('exists already')]);

  const edited = join(fleet.dir, 'edited.yaml');
  const planned = async (change: (text: string) => string, ...more: string[]) => {
    await writeFile(edited, change(text));
    return run('drain', 'old', '--file', edited, '--plan', ...more);
  };
  const { code, out, err } = await planned((plan) =>
    plan.replace(/^ {2}web-1:$/m, '  ghost:').replace(/^ {2}web-2:$/m, '$&\n    leave: true'),
  );
  expect([code, err]).toEqual([0, expect.stringContaining('ghost is in ')]);
  expect(err).toMatch(/web-1 is not in .*: it stays on old/);
  expect(out).toContain('Staying, as asked: web-1, web-2.');
  expect(out).toContain('All 3 stacks of old can be moved.');
  for (const [change, words] of [
    [
      (plan: string) => plan.replace('to: new', 'to: nowhere'),
      /edited\.yaml:\d+: stacks\.[-\w]+\.to: There is no host/,
    ],
    [
      (plan: string) => plan.replace('mode: ', 'mod: '),
      /edited\.yaml:\d+: stacks\.[-\w]+\.mod: There is no such option/,
    ],
    [
      (plan: string) => plan.replace('host: old', 'host: new'),
      /edited\.yaml:\d+: host: This is a plan of new, not of old/,
    ],
  ] as const) {
    const refused = await planned(change);
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(words)]);
  }
  const both = await planned((plan) => plan, '--to', 'new');
  expect([both.code, both.err]).toEqual([2, expect.stringContaining("'--file <file>' cannot be used with")]);
  const nothing = await planned(() => 'host: old\nstacks: {ghost: {}}');
  expect([nothing.code, nothing.err]).toEqual([5, expect.stringContaining('runs none of the stacks')]);
  expect((await run('drains')).out).toContain('No drains.');
});

test('nothing is begun without a go where nobody can be asked', bound, async () => {
  const { code, err } = await run('drain', 'old');
  expect(code).toBe(2);
  expect(err).toContain('(confirmation_needed)');
  expect((await run('drains')).out).toContain('No drains.');
});

test(
  'a host is emptied by its plan but for the stack that fails elsewhere: it runs on at home, and the end says why',
  bound,
  async () => {
    const { code, out } = await run(
      ...['drain', 'old', '--file', join(fleet.dir, 'plan.yaml'), '--max-parallel', '4'],
      ...['--yes', '--watch', '--json'],
    );
    expect(code).toBe(7);
    const end = documents(out).at(-1)!;
    const view = end.data as unknown as DrainView;
    expect(end.kind).toBe('end');
    expect(Object.keys(view.per_stack).sort()).toEqual([...names].sort());
    expect(view).toMatchObject({ status: 'failed', summary: { moved: 4, stayed: 1 } });
    expect(view.stacks.find(({ status }) => status === 'stayed')).toMatchObject({
      stack: { name: 'homesick' },
      obstacle: { code: 'unhealthy' },
    });
    expect(await homes()).toEqual({ ...Object.fromEntries(names.map((name) => [name, 'new'])), homesick: 'old' });

    const listed = await run('drains');
    expect(listed.out).toMatch(/old +failed +4 moved, 1 stayed/);
    const shown = await run('drains', 'show', view.id.slice(0, 20));
    expect(shown.out).toContain('What stays, and why');
    expect(shown.out).toContain('stackferry uncordon old');
    expect((await run('drains', 'pause', view.id)).code).toBe(4);
  },
);

test('the host stays closed until it is opened', bound, async () => {
  const back = ['migrate', 'web-1', '--to', 'old', '--sizing', 'stack', '--yes', '--json'];
  const refused = await run(...back);
  expect([refused.code, JSON.parse(refused.err).code]).toEqual([4, 'host_cordoned']);
  expect((await run('uncordon', 'old')).out).toContain('old is open to migrations.');
  expect((await run('cordon', 'new')).out).toContain('No migration may target new any more.');
  expect((await run('drains', 'show', 'drain_zz')).code).toBe(5);
});
