import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { start } from './stackferry.ts';

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await testControlPlane();
});
afterAll(() => plane?.close());

test.each([
  ['agent', ['join', 'metal-1'], 'pid: host'],
  ['relay', ['join', 'relay-9', '--relay'], 'cap_drop: [ALL]'],
])('join prints the line, the command and the Compose file that start the %s', async (program, args, service) => {
  const env = { PATH: process.env.PATH, STACKFERRY_URL: plane.url, STACKFERRY_TOKEN: plane.adminToken };
  const { out } = await start(args, { env }).ended;
  const [, token] = /install\.sh \| sudo sh -s -- --name \S+ --join (sfj_\w+)/.exec(out)!;
  const [, run] = / {2}docker run -d ((?:.*\\\n)+.*)/.exec(out)!;
  expect(run).toContain(`-e STACKFERRY_JOIN_TOKEN=${token} `);
  expect(run).toMatch(new RegExp(`stackferry ${program} .*--control ${plane.url}$`));
  const compose = out.slice(out.indexOf(`  name: stackferry-${program}\n`)).split('\n\n')[0];
  expect(compose).toContain(`environment: { STACKFERRY_JOIN_TOKEN: ${token} }`);
  expect(compose).toContain(service);
});
