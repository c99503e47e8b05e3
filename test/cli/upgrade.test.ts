import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { examples } from '../../worker/routes/openapi-examples.ts';
import { start } from './stackferry.ts';

const next = 'a'.repeat(64);
const warning = { code: 'upgrade_failed', at: '2026-11-24T09:30:00.000Z', message: 'It was taken back: it hung.' };

/** What becomes of a host that is asked: `[status, code]` refuses; else what is seen of it after that, one look each. */
type Course = [number, string] | { status?: 'offline'; program_sha256?: string; warnings?: object[] }[];

/** An API with these hosts, each named by one letter; runs the command line against it. */
async function fleetOf(courses: Record<string, Course>) {
  const asked: string[] = [];
  const looks: Record<string, number> = {};
  const viewOf = (name: string) => {
    const course = courses[name]!;
    const seen = asked.includes(name) && course.length > 0 && typeof course[0] === 'object';
    const at = Math.min(looks[name] ?? 0, course.length - 1);
    if (seen) looks[name] = at + 1;
    return {
      ...(examples.Host as object),
      id: `host_${name.repeat(26)}`,
      name,
      ...(seen ? (course[at] as object) : {}),
    };
  };
  const server = createServer((request, response) => {
    const [, name = '', act] = /^\/api\/v1\/hosts\/host_(\w)\w+(\/upgrade)?/.exec(request.url ?? '') ?? [];
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (!name) return answer(200, { items: Object.keys(courses).map(viewOf), next_cursor: null });
    if (!act) return answer(200, viewOf(name));
    asked.push(name);
    const [status, code] = courses[name] as [number, string];
    if (typeof status === 'number') return answer(status, { status, code, detail: `"${name}" is refused.` });
    return answer(202, { version: '0.3.0', program_sha256: next });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: 'sfy_x' };
  return { asked, upgrade: (...args: string[]) => start(['hosts', 'upgrade', ...args], { env }).ended };
}

const returns: Course = [{}, { status: 'offline' }, { program_sha256: next }];

test('it waits until the host is back with the new agent', async () => {
  const { upgrade } = await fleetOf({ a: returns });
  expect(await upgrade('a')).toMatchObject({ code: 0, out: 'a: runs 0.3.0 now.\n' });
});

test('with --all it passes over what is refused and says so; what is current is no failure', async () => {
  const some = await fleetOf({ a: [409, 'already_current'], b: returns });
  expect(await some.upgrade('--all')).toMatchObject({ code: 0, out: 'a: "a" is refused.\nb: runs 0.3.0 now.\n' });
  const busy = await fleetOf({ a: [409, 'host_busy'], b: returns });
  const { code, out } = await busy.upgrade('--all', '--json');
  expect(code).toBe(4);
  expect(JSON.parse(out)).toMatchObject([
    { host: 'a', outcome: 'failed', detail: 'not upgraded: "a" is refused.' },
    { host: 'b', outcome: 'upgraded' },
  ]);
  expect(await busy.upgrade('a')).toMatchObject({ code: 4, err: expect.stringContaining('(host_busy)') });
});

test('C22: with --all no other host is asked after one that had to go back', async () => {
  const fleet = await fleetOf({ a: [{ status: 'offline' }, { warnings: [warning] }], b: returns });
  const { code, err } = await fleet.upgrade('--all');
  expect([code, err]).toEqual([1, expect.stringContaining('a: It was taken back: it hung. (upgrade_failed)')]);
  expect(fleet.asked).toEqual(['a']);
});

test('it wants one host or --all', async () => {
  const { asked, upgrade } = await fleetOf({ a: returns });
  expect((await upgrade()).code).toBe(2);
  expect((await upgrade('a', '--all')).code).toBe(2);
  expect(asked).toEqual([]);
});
