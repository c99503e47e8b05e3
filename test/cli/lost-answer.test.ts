import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { type LossyWire, startLossyWire } from '../support/lossy-wire.ts';
import { start } from './stackferry.ts';

let plane: TestControlPlane;
let wire: LossyWire;
beforeAll(async () => {
  plane = await testControlPlane();
  wire = await startLossyWire(plane.url);
});
afterAll(async () => {
  wire?.close();
  await plane?.close();
});

test('B12 a command whose answer is lost is repeated under its key: it is done once, and answered', async () => {
  wire.toLose = 2;
  const env = { PATH: process.env.PATH, STACKFERRY_URL: wire.url, STACKFERRY_TOKEN: plane.adminToken };
  const { code, out, err } = await start(['join', 'metal-1', '--json'], { env }).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(wire.posts.length).toBe(3);
  expect(new Set(wire.posts).size).toBe(1);
  const created = JSON.parse(out) as { id: string; join_token: string };
  expect(created.join_token).toMatch(/^sfj_/);
  const hosts = await start(['hosts', '--json'], { env }).ended;
  expect(JSON.parse(hosts.out)).toMatchObject([{ id: created.id, name: 'metal-1' }]);
});
