import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { start } from './stackferry.ts';

/** Two control planes that know one token each, and remember which came. */
interface Plane {
  server: Server;
  url: string;
  seen: (string | undefined)[];
}
let home: Plane;
let lab: Plane;
let dir: string;
let env: NodeJS.ProcessEnv;

async function plane(): Promise<Plane> {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ items: [], next_cursor: null }));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { server, seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

beforeAll(async () => {
  [home, lab] = [await plane(), await plane()];
});
afterAll(() => {
  for (const each of [home, lab]) each?.server.close();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-profiles-'));
  env = { PATH: process.env.PATH, XDG_CONFIG_HOME: dir };
  for (const each of [home, lab]) each.seen.length = 0;
  return () => rm(dir, { recursive: true, force: true });
});

const bound = { timeout: 60_000 };
const run = (args: string[], more: NodeJS.ProcessEnv = {}) => start(args, { env: { ...env, ...more } }).ended;
const login = (url: string, token: string, ...more: string[]) =>
  start(['login', url, '--token-stdin', ...more], { env, input: `${token}\n` }).ended;
const path = () => join(dir, 'stackferry/config.json');

async function loginToBoth(): Promise<void> {
  await login(home.url, 'sfy_home');
  await login(lab.url, 'sfy_lab', '--profile', 'lab');
  for (const each of [home, lab]) each.seen.length = 0;
}

test('a login from before there were profiles is the profile "default"', bound, async () => {
  await mkdir(join(dir, 'stackferry'));
  await writeFile(path(), JSON.stringify({ url: home.url, token: 'sfy_old' }));
  expect((await run(['hosts'])).code).toBe(0);
  expect(home.seen).toEqual(['Bearer sfy_old']);
  expect(JSON.parse((await run(['profiles', '--json'])).out)).toEqual([
    { name: 'default', url: home.url, current: true },
  ]);
});

test('a second login is a profile of its own; the first stays in use until another is chosen', bound, async () => {
  await login(home.url, 'sfy_home');
  const second = await login(lab.url, 'sfy_lab', '--profile', 'lab');
  expect(second.out).toContain('stackferry profiles use lab');
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  for (const each of [home, lab]) each.seen.length = 0;
  await run(['hosts']);
  await run(['hosts', '--profile', 'lab']);
  await run(['hosts'], { STACKFERRY_PROFILE: 'lab' });
  expect([home.seen, lab.seen]).toEqual([['Bearer sfy_home'], ['Bearer sfy_lab', 'Bearer sfy_lab']]);
  expect((await run(['profiles', 'use', 'lab'])).out).toContain(lab.url);
  await run(['hosts']);
  expect(lab.seen).toHaveLength(3);
  const { out } = await run(['profiles']);
  expect(out).toMatch(/default +http.*\nlab +http.* +in use/);
  expect(out + (await run(['profiles', '--json'])).out).not.toContain('sfy_');
});

test('a profile that is named outdoes the environment, and its token goes to its own address only', bound, async () => {
  await loginToBoth();
  const other = { STACKFERRY_URL: home.url, STACKFERRY_TOKEN: 'sfy_env' };
  await run(['hosts', '--profile', 'lab'], other);
  expect([home.seen, lab.seen]).toEqual([[], ['Bearer sfy_lab']]);
  const refused = await run(['hosts', '--profile', 'lab', '--url', home.url]);
  expect([refused.code, home.seen]).toEqual([6, []]);
  await run(['hosts'], { ...other, STACKFERRY_PROFILE: 'lab' });
  expect(home.seen).toEqual(['Bearer sfy_env']);
});

test('a profile is removed alone, by remove or by logout', bound, async () => {
  await loginToBoth();
  await run(['profiles', 'use', 'lab']);
  expect((await run(['profiles', 'remove', 'lab', '--json'])).out).toContain('"removed":"lab"');
  expect(JSON.parse(await readFile(path(), 'utf8'))).toEqual({ url: home.url, token: 'sfy_home' });
  expect((await run(['hosts'])).code).toBe(0);
  expect((await run(['logout'])).out).toContain('"default" is removed');
  await expect(stat(path())).rejects.toThrow('ENOENT');
});

test('a damaged file is named, and gone after a logout', bound, async () => {
  await mkdir(join(dir, 'stackferry'));
  await writeFile(path(), '{"url": 1');
  expect((await run(['hosts'])).err).toContain('is damaged.');
  expect((await run(['logout'])).code).toBe(0);
  await expect(stat(path())).rejects.toThrow('ENOENT');
});

test('bad input says what there is, and what to do', bound, async () => {
  await loginToBoth();
  const wrong = [
    [['hosts', '--profile', 'prod'], 6, 'stackferry login URL --profile prod'],
    [['profiles', 'use', 'prod'], 5, 'List them: stackferry profiles'],
    [['profiles', 'remove', 'prod'], 5, '(not_found)'],
    [['hosts', '--profile', '../up'], 2, 'is not a valid profile name'],
    [['profiles', 'use'], 2, "missing required argument 'profile'"],
  ] as const;
  for (const [args, code, said] of wrong) {
    const refused = await run([...args]);
    expect([refused.code, refused.out]).toEqual([code, '']);
    expect(refused.err).toContain(said);
  }
  const told = await run(['profiles', 'use', 'prod', '--json']);
  expect(JSON.parse(told.err)).toMatchObject({ code: 'not_found', exit_code: 5 });
  expect((await run(['__complete', '--', 'profiles', 'use', 'l'])).out).toBe('lab\n');
  expect((await run(['__complete', '--', 'hosts', '--profile', ''])).out).toBe('default\nlab\n');
});
