import { env } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import { app } from '../../worker/app.ts';
import { hello } from './support/agent.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { auditOf } from './support/databases.ts';
import { agentToken, join } from './support/node.ts';

const patient = { timeout: 5_000, interval: 20 };

it('C18: logins to the web UI stand in the audit, those with a revoked token too', async () => {
  const admin = await tokenWith(['admin']);
  const revoked = await tokenWith(['read'], { revoked_at: 1 });
  const logIn = (token: string) =>
    app.request(
      'http://stackferry.test/ui/login',
      {
        method: 'POST',
        headers: {
          origin: 'http://stackferry.test',
          'content-type': 'application/x-www-form-urlencoded',
          'cf-connecting-ip': '203.0.113.9',
        },
        body: new URLSearchParams({ token }).toString(),
      },
      bindings,
      { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext,
    );
  expect((await logIn(admin)).status).toBe(303);
  expect((await logIn(revoked)).status).toBe(401);
  const entries = await auditOf(admin, '&act=POST%20%2Fui%2Flogin');
  expect(entries).toMatchObject([
    { status: 401, code: 'unauthorized', address: '203.0.113.9' },
    { status: 303, code: null, address: '203.0.113.9' },
  ]);
  expect(JSON.stringify(entries)).not.toContain(admin);
});

it('C18: reading the secret that signs callbacks stands in the audit, other reading does not', async () => {
  const admin = await tokenWith(['admin']);
  expect((await call('GET', '/api/v1/webhooks/callback-secret', { token: admin })).status).toBe(200);
  await call('GET', '/api/v1/webhooks', { token: admin });
  const acts = (await auditOf(admin)).map(({ act }) => act);
  expect(acts).toEqual(['GET /api/v1/webhooks/callback-secret']);
});

it('C18: a token shows when it was last used, within five minutes', async () => {
  const token = await tokenWith(['admin']);
  const lastUsed = async () => (await call('GET', '/api/v1/tokens', { token })).body.items[0].last_used_at;
  const first = Date.parse(await lastUsed());
  expect(Date.now() - first).toBeLessThan(60_000);
  expect(Date.parse(await lastUsed())).toBe(first);
  const past = first - limits.api.tokenUseNoteMs;
  await env.DB.prepare('UPDATE api_token SET last_used_at = ?').bind(past).run();
  await lastUsed();
  expect(Date.parse(await lastUsed())).toBeGreaterThanOrEqual(first);
});

it('C18: a host shows the address that its agent connects from', async () => {
  const admin = await tokenWith(['admin']);
  const a = await join(admin, 'host', 'a');
  const headers = {
    upgrade: 'websocket',
    authorization: `Bearer ${await agentToken(a)}`,
    'cf-connecting-ip': '203.0.113.7',
  };
  const { webSocket } = await app.request(`http://stackferry.test${agentPaths.connect}`, { headers }, bindings);
  webSocket?.accept();
  webSocket?.send(JSON.stringify(hello(a)));
  await vi.waitFor(async () => {
    const { body } = await call('GET', `/api/v1/hosts/${a.id}`, { token: admin });
    expect(body).toMatchObject({ status: 'online', connected_from: '203.0.113.7' });
  }, patient);
});

it('C18: over https browsers are told to stay with https, over http they are told nothing', async () => {
  for (const path of ['/ui/login', '/api/v1/hosts', '/nowhere']) {
    const over = async (scheme: string) =>
      (await app.request(`${scheme}://stackferry.test${path}`, {}, bindings)).headers.get('strict-transport-security');
    expect(await over('https'), path).toMatch(/^max-age=\d{8}/);
    expect(await over('http'), path).toBeNull();
  }
});
