import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import { runSchedules } from '../../worker/cron/schedule.ts';
import { insertAudit } from '../../worker/store/audit.ts';
import { newToken } from '../../worker/store/token-format.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { auditOf, bindingsWith, dump, failingDb } from './support/databases.ts';
import { agentToken, createNode, csrFor, join, newKeys } from './support/node.ts';

const hourMs = 3_600_000;
const entry = (more: object) => ({
  at: Date.now(),
  request_id: 'r',
  actor: { kind: 'token' as const, id: 'tok_x', name: 'x' },
  act: 'POST /x',
  objects: {},
  status: 200,
  code: null,
  address: null,
  ...more,
});

describe('the audit', () => {
  it('says who did what to what, when, from where and how it ended', async () => {
    const token = await tokenWith(['admin']);
    const before = Date.now();
    const made = await call('POST', '/api/v1/hosts', {
      token,
      body: { name: 'metal-1' },
      headers: { 'cf-connecting-ip': '203.0.113.7' },
    });
    await call('DELETE', `/api/v1/hosts/${made.body.id}`, { token });
    const [deleted, created] = await auditOf(token);
    expect(created).toMatchObject({
      actor: { kind: 'token', id: expect.stringMatching(/^tok_/), name: 'test' },
      act: 'POST /api/v1/hosts',
      objects: { created: made.body.id },
      status: 201,
      code: null,
      address: '203.0.113.7',
      request_id: made.headers.get('x-request-id'),
    });
    expect(Date.parse(created.at)).toBeGreaterThanOrEqual(before);
    expect(deleted).toMatchObject({
      act: 'DELETE /api/v1/hosts/{id}',
      objects: { id: made.body.id },
      status: 204,
    });
  });

  it('holds what was refused, with its code: by scope, by its body, by what it asks for, by a revoked token', async () => {
    const admin = await tokenWith(['admin']);
    const read = await tokenWith(['read']);
    const revoked = await tokenWith(['admin'], { revoked_at: Date.now() });
    await call('POST', '/api/v1/hosts', { token: read, body: { name: 'a' } });
    await call('POST', '/api/v1/hosts', { token: admin, body: '{' });
    await call('POST', '/api/v1/hosts', { token: admin, body: { name: '../etc' } });
    await call('POST', '/api/v1/stacks/shop/migrate', {
      token: admin,
      body: { target_host_id: `host_${'0'.repeat(26)}` },
    });
    await call('DELETE', '/api/v1/tokens/tok_01m84szym4tvg03p2mz6y2f9wb', { token: revoked });
    const entries = await auditOf(admin);
    expect(entries.map(({ act, code, status }) => [act, code, status])).toEqual([
      ['DELETE /api/v1/tokens/{id}', 'unauthorized', 401],
      ['POST /api/v1/stacks/{name}/migrate', 'not_found', 404],
      ['POST /api/v1/hosts', 'invalid_request', 422],
      ['POST /api/v1/hosts', 'malformed_json', 400],
      ['POST /api/v1/hosts', 'forbidden', 403],
    ]);
    expect(entries[1].objects).toEqual({ name: 'shop' });
  });

  it('reading leaves no entry, and a caller without credentials cannot fill it', async () => {
    const admin = await tokenWith(['admin']);
    await call('GET', '/api/v1/hosts', { token: admin });
    await call('POST', '/api/v1/hosts', { body: { name: 'a' } });
    await call('POST', '/api/v1/hosts', { token: newToken('sfy'), body: { name: 'a' } });
    await call('POST', agentPaths.enroll, { body: { join_token: newToken('sfj'), csr: 'x' } });
    await call('POST', '/api/v1/nothing', { token: admin });
    expect(await auditOf(admin)).toEqual([]);
  });

  it('knows hosts by their own credentials: enrolling, with a spent token, renewing after they were deleted', async () => {
    const admin = await tokenWith(['admin']);
    const { id, join_token } = await createNode(admin, 'host', 'a');
    const enroll = async () =>
      call('POST', agentPaths.enroll, { body: { join_token, csr: await csrFor(await newKeys()) } });
    await enroll();
    await enroll();
    const b = await join(admin, 'host', 'b');
    await call('DELETE', `/api/v1/hosts/${b.id}`, { token: admin });
    await call('POST', agentPaths.renew, {
      body: { csr: await csrFor(b.keys) },
      headers: { authorization: `Bearer ${await agentToken(b)}` },
    });
    const ofA = await auditOf(admin, `&actor=${id}`);
    expect(ofA.map(({ act, code, actor }) => [act, code, actor.kind, actor.name])).toEqual([
      ['POST /api/v1/enroll', 'join_token_used', 'host', 'a'],
      ['POST /api/v1/enroll', null, 'host', 'a'],
    ]);
    expect((await auditOf(admin, `&actor=${b.id}`))[0]).toMatchObject({
      act: 'POST /api/v1/enroll/renew',
      code: 'host_revoked',
      status: 403,
    });
  });

  it('B39: neither bodies nor tokens get into it, wherever a client puts them', async () => {
    const token = await tokenWith(['admin']);
    const canary = `canary${newToken('sfy')}`;
    await call('POST', '/api/v1/hosts', { token, body: { name: 'a', note: canary } });
    await call('DELETE', `/api/v1/hosts/${newToken('sfy')}`, { token });
    await call('DELETE', `/api/v1/hosts/${encodeURIComponent(`${canary}/x`)}`, { token });
    const made = await call('POST', '/api/v1/hosts', { token, body: { name: 'b' }, headers: { 'x-note': canary } });
    const [, second, first] = await auditOf(token);
    expect(second.objects).toEqual({ id: '(no id)' });
    expect(first.objects).toEqual({ id: 'sfy_[redacted]' });
    const stored = await dump();
    for (const secret of [canary, token, made.body.join_token]) expect(stored).not.toContain(secret.slice(8, 40));
  });

  it('pages newest first; filters by actor and act; a forged cursor is refused', async () => {
    const token = await tokenWith(['admin']);
    for (const name of ['a', 'b', 'c']) await createNode(token, 'host', name);
    await createNode(token, 'relay', 'r');
    const first = await call('GET', '/api/v1/audit?limit=3', { token });
    expect(first.body.items).toHaveLength(3);
    const rest = await call('GET', `/api/v1/audit?limit=3&cursor=${first.body.next_cursor}`, { token });
    expect(rest.body).toMatchObject({ next_cursor: null });
    const ids = [...first.body.items, ...rest.body.items].map(({ id }: { id: number }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
    expect(ids).toHaveLength(4);
    expect(await auditOf(token, '&act=POST%20%2Fapi%2Fv1%2Frelays')).toHaveLength(1);
    expect(await auditOf(token, '&actor=tok_01m84szym4tvg03p2mz6y2f9wb')).toEqual([]);
    expect(await auditOf(token, `&act=${encodeURIComponent("x' OR 1=1 --")}`)).toEqual([]);
    for (const cursor of [btoa('["x"]'), btoa('["-1"]'), 'abc'])
      expect(await call('GET', `/api/v1/audit?cursor=${cursor}`, { token })).toMatchObject({
        status: 400,
        body: { code: 'invalid_cursor' },
      });
  });

  it('B3: only an admin reads it', async () => {
    for (const scope of ['read', 'migrate'] as const)
      expect((await call('GET', '/api/v1/audit', { token: await tokenWith([scope]) })).status).toBe(403);
  });

  it('an act whose entry could not be written is done all the same, and the log has it', async () => {
    const token = await tokenWith(['admin']);
    const bound = bindingsWith({ DB: failingDb(/insert into "audit"/) });
    expect((await call('POST', '/api/v1/hosts', { token, body: { name: 'a' }, bound })).status).toBe(201);
  });

  it('entries go when their time or their number is up, and no others do', async () => {
    const now = Math.ceil(Date.now() / hourMs) * hourMs;
    await insertAudit(env.DB, entry({ at: now - limits.api.auditKeepMs - 1, act: 'old' }));
    await insertAudit(env.DB, entry({ at: now - limits.api.auditKeepMs + hourMs, act: 'kept' }));
    await runSchedules(bindings, now);
    const acts = async () => (await env.DB.prepare('SELECT act FROM audit').all<{ act: string }>()).results;
    expect(await acts()).toEqual([{ act: 'kept' }]);
    await env.DB.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'")
      .bind(limits.api.auditRowsMax + 10)
      .run();
    await insertAudit(env.DB, entry({ at: now, act: 'newest' }));
    await runSchedules(bindings, now);
    expect(await acts()).toEqual([{ act: 'newest' }]);
  });
});
