import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { start } from './stackferry.ts';

let plane: TestControlPlane;
let server: Server;
/** Answers of POSTs that still get lost on the way. */
let toLose: number;
let posts: (string | undefined)[];

/** A wire to the real control plane that drops answers: what was asked has been done, but nobody hears of it. */
beforeAll(async () => {
  plane = await testControlPlane();
  server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request(new URL(path ?? '/', plane.url), { method, headers }, (answer) => {
      if (method === 'POST') posts.push(headers['idempotency-key'] as string | undefined);
      if (method === 'POST' && toLose-- > 0) return void incoming.socket.destroy();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await plane?.close();
});

test('B12 a command whose answer is lost is repeated under its key: it is done once, and answered', async () => {
  toLose = 2;
  posts = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: plane.adminToken };
  const { code, out, err } = await start(['join', 'metal-1', '--json'], { env }).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(posts.length).toBe(3);
  expect(new Set(posts).size).toBe(1);
  const created = JSON.parse(out) as { id: string; join_token: string };
  expect(created.join_token).toMatch(/^sfj_/);
  const hosts = await start(['hosts', '--json'], { env }).ended;
  expect(JSON.parse(hosts.out)).toMatchObject([{ id: created.id, name: 'metal-1' }]);
});
