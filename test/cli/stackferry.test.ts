import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FlowRig, startFlowRig } from '../flow/flow-rig.ts';
import { documents, type Run, start } from './stackferry.ts';

/** One control plane, one relay behind a slow wire, two embedded hosts; the tests follow each other as a day of use does. */
let rig: FlowRig;
let env: NodeJS.ProcessEnv;
let token: string;

beforeAll(async () => {
  rig = await startFlowRig();
  token = rig.fleet.control.adminToken ?? '';
  const { STACKFERRY_TOKEN: _, STACKFERRY_URL: __, NO_COLOR: ___, FORCE_COLOR: ____, CI: _____, ...rest } = process.env;
  env = { ...rest, XDG_CONFIG_HOME: join(rig.fleet.dir, 'config'), TERM: 'xterm', LANG: 'C.UTF-8' };
}, 120_000);
afterAll(() => rig?.close(), 60_000);

const bound = { timeout: 120_000 };
const run = (...args: string[]) => start(args, { env }).ended;
const json = async <T>(...args: string[]) => JSON.parse((await run(...args, '--json')).out) as T;
const shows = (running: Run, text: string) => until(async () => running.out().includes(text), `"${text}" to be shown`);
const newest = async () => (await json<MigrationView[]>('migrations', '--limit', '1'))[0]!;

/** Starts a migration and waits until bytes move. */
async function migrating(...args: string[]): Promise<Run> {
  const running = start(['migrate', 'app', '--to', 'target', '--sizing', 'stack', '--watch', '--yes', ...args], {
    env,
  });
  await Promise.race([shows(running, 'transferring'), running.ended]);
  return running;
}

describe('logging in', () => {
  const login = (input: string, url: string) => start(['login', url, '--token-stdin'], { env, input }).ended;

  test('B2 a token that is wrong is refused by its code, and nothing is kept', bound, async () => {
    const { code, out, err } = await login('sfy_wrong\n', rig.fleet.control.url);
    expect([code, out]).toEqual([6, '']);
    expect(err).toContain('(unauthorized)');
    expect((await run('hosts')).err).toContain('(not_logged_in)');
  });

  test('an address where nothing listens is distinguished from one where something else answers', bound, async () => {
    const nobody = await login(token, `http://127.0.0.1:${await freePort('127.0.0.1')}`);
    expect([nobody.code, nobody.out]).toEqual([9, '']);
    expect(nobody.err).toContain('nothing listens there. (unreachable)');
    const page = createServer((_, response) => response.end('<h1>It works!</h1>'));
    await new Promise<void>((ready) => page.listen(0, '127.0.0.1', ready));
    const other = await login(token, `http://127.0.0.1:${(page.address() as AddressInfo).port}`);
    page.close();
    expect([other.code, other.out]).toEqual([1, '']);
    expect(other.err).toContain('is not a Stackferry control plane. (unreadable)');
  });

  test('a terminal is asked for the token and never shows it', bound, async () => {
    const asked = start(['login', rig.fleet.control.url], { env, terminal: true });
    await shows(asked, 'API token for');
    asked.type(`${token}\r`);
    const { code, out } = await asked.ended;
    expect(code).toBe(0);
    expect(out).toContain('Logged in');
    expect(out).not.toContain(token);
    expect((await run('logout')).code).toBe(0);
  });

  test('a good token is kept for its owner’s eyes only, and sent to no other address', bound, async () => {
    expect((await login(`${token}\n`, rig.fleet.control.url)).code).toBe(0);
    const path = join(rig.fleet.dir, 'config/stackferry/config.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ url: rig.fleet.control.url, token });
    const elsewhere = await run('hosts', '--url', 'http://127.0.0.1:9');
    expect([elsewhere.code, elsewhere.err]).toEqual([6, expect.stringContaining('(not_logged_in)')]);
  });
});

describe('looking', () => {
  test('hosts and stacks are listed, as a table and as one JSON document', bound, async () => {
    const { code, out } = await run('hosts');
    expect(code).toBe(0);
    expect(out).toMatch(/^source +online .*\ntarget +online/m);
    expect((await json<{ name: string }[]>('hosts')).map(({ name }) => name)).toEqual(['source', 'target']);
    expect((await run('stacks', '--host', 'source')).out).toMatch(/^app +source +running/m);
    expect((await json<unknown[]>('stacks', '--host', 'target')).length).toBe(0);
  });

  test('a terminal gets colours, and with --no-color or NO_COLOR not one escape code', bound, async () => {
    const coloured = await start(['hosts'], { env, terminal: true }).ended;
    expect(coloured.out).toContain('\u001b[32monline');
    const plain = await start(['hosts', '--no-color'], { env, terminal: true }).ended;
    const asked = await start(['hosts'], { env: { ...env, NO_COLOR: '1' }, terminal: true }).ended;
    for (const { out } of [plain, asked]) {
      expect(out).toContain('online');
      expect(out).not.toContain('\u001b');
    }
  });

  test('B15 what is not there exits with 5, what is typed wrongly with 2', bound, async () => {
    const wrong = [
      [['preflight', 'nothing', '--to', 'target'], '(not_found)', 5],
      [['preflight', 'app', '--to', 'nowhere'], 'no host named "nowhere". (not_found)', 5],
      [['show', 'mig_zz'], '(not_found)', 5],
      [['preflight', 'app', '--to', 'source'], '(same_host)', 2],
      [['migrate', 'app'], "required option '--to <host>'", 2],
      [['hosts', '--nonsense'], "unknown option '--nonsense'", 2],
      [['frobnicate'], "unknown command 'frobnicate'", 2],
    ] as const;
    const tried = wrong.map(async ([args, said, exit]) => {
      const { code, out, err } = await run(...args);
      expect({ args, code, out }).toEqual({ args, code: exit, out: '' });
      expect(err).toContain(said);
      expect(err).not.toMatch(/\n\s+at /);
    });
    await Promise.all(tried);
  });

  test('hosts and relays start by the same name, and say how', bound, async () => {
    for (const kind of ['agent', 'relay']) {
      const { code, out } = await run(kind, '--help');
      expect([code, out]).toEqual([0, expect.stringContaining(`stackferry ${kind} --control URL`)]);
      expect((await run(kind, '--nonsense')).err).toContain('--nonsense');
    }
  });

  test('scripts complete commands, options, and the names of stacks and hosts', bound, async () => {
    const bash = await run('completion', 'bash');
    execFileSync('bash', ['-n'], { input: bash.out });
    const complete = async (...words: string[]) => (await run('__complete', '--', ...words)).out.trimEnd().split('\n');
    const expected: [words: string[], candidates: string[]][] = [
      [['mig'], ['migrate', 'migrations']],
      [['migrate', '--si'], ['--sizing']],
      [
        ['migrate', '--sizing', ''],
        ['host', 'stack'],
      ],
      [['migrate', ''], ['app']],
      [['migrate', 'app', '--to', 't'], ['target']],
      [
        ['hosts', ''],
        ['list', 'show', 'upgrade', 'delete'],
      ],
      [['frobnicate', ''], ['']],
    ];
    await Promise.all(expected.map(async ([words, found]) => expect(await complete(...words)).toEqual(found)));
  });
});

describe('moving', () => {
  test('the pre-flight exits with 0 where it passes, and with 3 where it does not, and says why', bound, async () => {
    const passed = await run('preflight', 'app', '--to', 'target', '--sizing', 'stack');
    expect([passed.code, passed.err]).toEqual([0, '']);
    expect(passed.out).toContain('Passed: it can be moved.');
    const inTheWay = join(rig.fleet.dir, 'root-target/stacks/app');
    await mkdir(inTheWay);
    const failed = await run('migrate', 'app', '--to', 'target', '--sizing', 'stack', '--yes');
    expect(failed.code).toBe(3);
    expect(failed.out).toMatch(/FAIL +path_free/);
    const told = await run('migrate', 'app', '--to', 'target', '--sizing', 'stack', '--yes', '--json');
    expect([told.code, told.out]).toEqual([3, '']);
    expect(JSON.parse(told.err)).toMatchObject({ code: 'preflight_failed', exit_code: 3, report: { passed: false } });
    await rm(inTheWay, { recursive: true });
  });

  test('without a terminal and without --yes nothing is begun', bound, async () => {
    for (const options of [[], ['--json']]) {
      const { code, out, err } = await run('migrate', 'app', '--to', 'target', ...options);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain('confirmation_needed');
    }
    const refused = start(['migrate', 'app', '--to', 'target', '--sizing', 'stack'], { env, terminal: true });
    await shows(refused, '[y/N]');
    refused.type('n\r');
    expect((await refused.ended).code).toBe(1);
    expect((await json<MigrationView[]>('migrations')).filter(({ status }) => status !== 'failed')).toEqual([]);
  });

  test('F41 a watched migration that somebody cancels exits with 7, the cancel itself with 0', bound, async () => {
    const watched = await migrating();
    const busy = await run('migrate', 'app', '--to', 'target', '--yes', '--json');
    expect([busy.code, JSON.parse(busy.err).code]).toEqual([4, expect.stringMatching(/running|preflight_failed/)]);
    const { id } = await newest();
    const cancelled = await run('cancel', id.slice(0, 18), '--watch');
    expect([cancelled.code, cancelled.err]).toEqual([0, '']);
    expect(cancelled.out).toMatch(/status +cancelled/);
    expect((await watched.ended).code).toBe(7);
    expect((await run('show', id, '--watch')).code).toBe(7);
    expect((await run('show', id)).code).toBe(0);
    expect(await rig.runs('source')).toBe(true);
  });

  test('Ctrl-C leaves, and says that the migration goes on', bound, async () => {
    const watched = await migrating();
    watched.child.kill('SIGINT');
    const { code, err } = await watched.ended;
    expect(code).toBe(130);
    expect(err).toContain('The migration of app continues.');
    const { id, status } = await newest();
    expect(err).toContain(`stackferry show ${id} --watch`);
    expect(status).toBe('transferring');
    // The same where lines are painted over, and the key is pressed.
    const live = start(['show', id, '--watch'], { env, terminal: true });
    await shows(live, '━');
    live.type('\u0003');
    const left = await live.ended;
    expect(left.code).toBe(130);
    expect(left.out).toContain('app continues.');
    // The cursor is back.
    expect(left.out.lastIndexOf('\u001b[?25h')).toBeGreaterThan(left.out.lastIndexOf('\u001b[?25l'));
    expect((await run('cancel', id, '--watch')).code).toBe(0);
    expect((await run('show', 'mig_0')).err).toContain('(ambiguous)');
  });

  test(
    'F16 a watch outlives the control plane: it takes up where it was, and tells each event once',
    bound,
    async () => {
      const watched = await migrating('--json');
      await rig.stopControl();
      await rig.startControl();
      const { code, out } = await watched.ended;
      expect(code).toBe(0);
      const told = documents(out);
      expect(told.at(-1)).toMatchObject({ kind: 'end', data: { status: 'completed', owed: [] } });
      const ids = told.flatMap(({ id }) => (id ? [id] : []));
      expect(new Set(ids).size).toBe(ids.length);
      expect(told.flatMap(({ kind, data }) => (kind === 'status' ? [data.to] : []))).toEqual([
        ...['preflight', 'preparing', 'stopping', 'transferring', 'shipping', 'deploying', 'verifying', 'completed'],
      ]);
    },
  );

  test('a terminal asks before a rollback, and shows its steps until the stack is home', bound, async () => {
    const { id } = await newest();
    const rollback = start(['rollback', id, '--watch'], { env, terminal: true });
    await shows(rollback, '[y/N]');
    expect(rollback.out()).toContain('stay behind on target');
    rollback.type('y\r');
    const { code, out } = await rollback.ended;
    expect(code).toBe(0);
    expect(out).toContain('rolled_back');
    expect(await rig.runs('source')).toBe(true);
    expect((await run('rollback', id, '--yes')).code).toBe(4);
  });

  test('a purge is confirmed by typing the stack’s name, and anything else leaves the copy', bound, async () => {
    const { id } = await newest();
    const purge = async (word: string) => {
      const asked = start(['purge', id, '--target'], { env, terminal: true });
      await shows(asked, 'to confirm:');
      asked.type(`${word}\r`);
      return (await asked.ended).code;
    };
    expect(await purge('yes')).toBe(1);
    expect((await json<MigrationView>('show', id)).window?.target_purge).toBeNull();
    expect(await purge('app')).toBe(0);
    expect((await json<MigrationView>('show', id)).window?.target_purge?.done_at).not.toBeNull();
    expect((await run('purge', id, '--yes')).code).toBe(4);
  });

  test('what is logged in can be logged out', bound, async () => {
    expect((await run('logout')).code).toBe(0);
    expect((await run('hosts')).code).toBe(6);
  });
});
