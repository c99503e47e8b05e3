import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentVersion } from '../../node/version.ts';
import { agentPaths } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import { findByJoinToken, markJoined } from '../../worker/store/nodes.ts';
import { call, tokenWith } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { createNode, csrFor, newKeys } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

describe('waiting for a migration', () => {
  it('C20: the answer comes with its end', async () => {
    const there = await fleet();
    const { body } = await there.migrate();
    const asked = Date.now();
    const ended = await call('GET', `/api/v1/migrations/${body.id}?wait=15`, { token: there.token });
    expect(ended).toMatchObject({ status: 200, body: { id: body.id, status: 'completed' } });
    expect(Date.now() - asked).toBeLessThan(15_000);
    const again = Date.now();
    await call('GET', `/api/v1/migrations/${body.id}?wait=15`, { token: there.token });
    expect(Date.now() - again).toBeLessThan(2_000);
  });

  it('C20: or after the time that was given, with how far it is; more than a minute is refused', async () => {
    const token = await tokenWith(['admin']);
    const [a, b] = [(await createNode(token, 'host', 'a')).id, (await createNode(token, 'host', 'b')).id];
    const ids = { stack_id: await insertStack('shop', a), stack_name: 'shop', source_host_id: a, target_host_id: b };
    const id = await insertMigration({ ...ids, status: 'transferring' });
    const asked = Date.now();
    const answer = await call('GET', `/api/v1/migrations/${id}?wait=1`, { token });
    expect(answer).toMatchObject({ status: 200, body: { status: 'transferring', ended_at: null } });
    expect(Date.now() - asked).toBeGreaterThanOrEqual(1_000);
    for (const wait of [limits.api.waitSMax + 1, -1, 'long', 1.5])
      expect((await call('GET', `/api/v1/migrations/${id}?wait=${wait}`, { token })).status).toBe(422);
    const unknown = await call('GET', '/api/v1/migrations/mig_01m84szym4tvg03p2mz6y2f9wb?wait=5', { token });
    expect(unknown.status).toBe(404);
  });
});

describe('one way of deleting', () => {
  it('C20: 204 for what was there, 404 for what cannot be read any more, everywhere', async () => {
    const token = await tokenWith(['admin']);
    const post = async (path: string, body: object) => (await call('POST', `/api/v1${path}`, { token, body })).body.id;
    const made = {
      hosts: await post('/hosts', { name: 'a' }),
      relays: await post('/relays', { name: 'a' }),
      webhooks: await post('/webhooks', { url: 'https://hooks.example.com/' }),
      tokens: await post('/tokens', { name: 'a', scopes: ['read'] }),
    };
    for (const [kind, id] of Object.entries(made)) {
      const ask = async (method: string, of = id) => (await call(method, `/api/v1/${kind}/${of}`, { token })).status;
      expect([kind, await ask('DELETE')]).toEqual([kind, 204]);
      const readable = await ask('GET');
      // A revoked token stays in the list.
      expect([kind, readable]).toEqual([kind, kind === 'tokens' ? 200 : 404]);
      expect([kind, await ask('DELETE')]).toEqual([kind, readable === 404 ? 404 : 204]);
      const unknown = `${id.split('_')[0]}_${'0'.repeat(26)}`;
      expect([kind, await ask('DELETE', unknown), await ask('GET', unknown)]).toEqual([kind, 404, 404]);
    }
  });
});

describe('a query parameter that a route does not know', () => {
  it('B8: is refused by every route for tokens, with its name, and nothing is done', async () => {
    const token = await tokenWith(['admin']);
    const { body: document } = await call('GET', '/api/v1/openapi.json');
    type Paths = Record<string, Record<string, { security: Record<string, unknown>[] }>>;
    const operations = Object.entries(document.paths as Paths).flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { security }]) =>
        security.some(({ bearer }) => bearer) && path.startsWith('/api/')
          ? [[method.toUpperCase(), path] as const]
          : [],
      ),
    );
    expect(operations.length).toBeGreaterThan(30);
    const kinds: Record<string, string> = { hosts: 'host', webhooks: 'whk', tokens: 'tok', drains: 'drain' };
    for (const [method, path] of operations) {
      const kind = kinds[path.split('/')[3] ?? ''] ?? 'mig';
      const at = path
        .replace('{id}', `${kind}_01m84szym4tvg03p2mz6y2f9wb`)
        .replace('{event_id}', 'evt_01m84szym4tvg03p2mz6y2f9wb')
        .replaceAll(/\{\w+\}/g, 'shop');
      const body = method === 'GET' || method === 'DELETE' ? undefined : {};
      const answer = await call(method, `${at}?colour=blue`, { token, body });
      const { status, body: told } = answer;
      expect({ method, path, status, errors: told?.errors }).toMatchObject({
        ...{ method, path, status: 422 },
        errors: expect.arrayContaining([{ path: 'colour', message: expect.stringContaining('openapi.json') }]),
      });
    }
    expect((await call('GET', '/readyz?probe=1')).status).toBe(200);
  });
});

describe('what was created', () => {
  it('C20: is where its Location says', async () => {
    const token = await tokenWith(['admin']);
    for (const [path, body] of [
      ['/hosts', { name: 'a' }],
      ['/relays', { name: 'a' }],
      ['/tokens', { name: 'a', scopes: ['read'] }],
      ['/webhooks', { url: 'https://hooks.example.com/' }],
    ] as const) {
      const made = await call('POST', `/api/v1${path}`, { token, body });
      const shown = await call('GET', made.headers.get('location')!, { token });
      expect(shown).toMatchObject({ status: 200, body: { id: made.body.id } });
      expect(JSON.stringify(shown.body)).not.toMatch(/sf[yj]_|whsec_/);
    }
    const reader = await tokenWith(['read']);
    const other = '/api/v1/tokens/tok_01m84szym4tvg03p2mz6y2f9wb';
    expect((await call('GET', other, { token: reader })).status).toBe(403);
    expect((await call('GET', '/api/v1/tokens/current', { token: reader })).status).toBe(200);
  });
});

describe('a host that has not joined', () => {
  it.each(['host', 'relay'] as const)('C20: gets a new join token, and the one before is void (%s)', async (kind) => {
    const token = await tokenWith(['admin']);
    const { id, join_token } = await createNode(token, kind, 'late');
    await env.DB.prepare('UPDATE node SET join_token_expires_at = 1 WHERE id = ?').bind(id).run();
    const enroll = async (given: string) =>
      call('POST', agentPaths.enroll, { body: { join_token: given, csr: await csrFor(await newKeys()) } });
    const late = await enroll(join_token);
    expect(late.body).toMatchObject({
      code: 'join_token_expired',
      detail: expect.stringContaining(`${id}/join-token`),
    });

    const path = `/api/v1/${kind}s/${id}/join-token`;
    const again = await call('POST', path, { token, headers: { 'idempotency-key': 'once' } });
    expect(again).toMatchObject({
      status: 200,
      body: { id, status: 'pending', join_token: expect.stringMatching(/^sfj_/) },
    });
    expect(again.headers.get('cache-control')).toBe('no-store');
    expect(Date.parse(again.body.join_token_expires_at)).toBeGreaterThan(Date.now());
    const repeated = await call('POST', path, { token, headers: { 'idempotency-key': 'once' } });
    expect(repeated.body.join_token).toBe(again.body.join_token);

    expect((await enroll(join_token)).body.code).toBe('join_token_invalid');
    expect((await enroll(again.body.join_token)).status).toBe(200);
    expect(await call('POST', path, { token })).toMatchObject({ status: 409, body: { code: 'already_joined' } });
  });

  it('C20: a token that is replaced while a host joins with it lets nobody in', async () => {
    const token = await tokenWith(['admin']);
    const { id, join_token } = await createNode(token, 'host', 'late');
    const found = await findByJoinToken(env.DB, join_token);
    await call('POST', `/api/v1/hosts/${id}/join-token`, { token });
    const issued = { serial: '01', ends_at: Date.now() + 1000 };
    expect(await markJoined(env.DB, found!, 'key', issued, Date.now())).toBe(false);
    expect((await call('GET', `/api/v1/hosts/${id}`, { token })).body.status).toBe('pending');
  });

  it('C20: only an admin may, of one that is there and of that kind', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await createNode(token, 'host', 'a');
    const path = `/api/v1/hosts/${id}/join-token`;
    expect((await call('POST', path, { token: await tokenWith(['migrate']) })).status).toBe(403);
    expect((await call('POST', `/api/v1/relays/${id}/join-token`, { token })).status).toBe(404);
    await call('DELETE', `/api/v1/hosts/${id}`, { token });
    expect((await call('POST', path, { token })).status).toBe(404);
  });
});

it('C20: the API says which release answers, to who may read', async () => {
  const shown = await call('GET', '/api/v1/version', { token: await tokenWith(['read']) });
  expect(shown).toMatchObject({ status: 200, body: { version: agentVersion, api: 'v1' } });
  expect((await call('GET', '/api/v1/version')).status).toBe(401);
});
