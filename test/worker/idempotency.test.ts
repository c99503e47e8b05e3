import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { runSchedules } from '../../worker/cron/schedule.ts';
import { connect, waiting } from './support/agent.ts';
import { answerAll } from './support/answers.ts';
import { bindings, type CallOptions, call, tokenWith } from './support/api.ts';
import { auditOf, bindingsWith, dump, failingDb } from './support/databases.ts';
import { join } from './support/node.ts';
import { insertStack } from './support/records.ts';

const hosts = '/api/v1/hosts';
const key = (value: string) => ({ 'idempotency-key': value });
const post = (token: string, body: object, idempotencyKey: string, more: CallOptions = {}) =>
  call('POST', hosts, { token, body, headers: key(idempotencyKey), ...more });
const count = async (token: string) => (await call('GET', hosts, { token })).body.items.length as number;
const age = (ms: number) =>
  env.DB.prepare('UPDATE idempotency SET created_at = created_at - ?1, expires_at = expires_at - ?1').bind(ms).run();

describe('a POST with an Idempotency-Key', () => {
  it('B12: sent again gets the same answer, its one-time secret included, and nothing is done twice', async () => {
    const token = await tokenWith(['admin']);
    const first = await post(token, { name: 'a' }, 'k1');
    const again = await post(token, { name: 'a' }, 'k1');
    expect(first.status).toBe(201);
    expect(first.headers.has('idempotency-replayed')).toBe(false);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    for (const name of ['location', 'content-type']) expect(again.headers.get(name)).toBe(first.headers.get(name));
    expect(await count(token)).toBe(1);
    expect((await auditOf(token)).map(({ code }) => code)).toEqual(['replayed', null]);
  });

  it('B12: with another body, or for another object, is 422', async () => {
    const token = await tokenWith(['admin']);
    await post(token, { name: 'a' }, 'k1');
    const other = await post(token, { name: 'b' }, 'k1');
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
    expect(await count(token)).toBe(1);
    const cancel = (id: string) => call('POST', `/api/v1/migrations/${id}/cancel`, { token, headers: key('k2') });
    expect((await cancel('mig_01m84szym4tvg03p2mz6y2f9wb')).body.code).toBe('not_found');
    expect((await cancel('mig_01m84szym4tvg03p2mz6y2f9wc')).body.code).toBe('idempotency_mismatch');
  });

  it('B12: while the first is at work is 409 and says when to come back', async () => {
    const token = await tokenWith(['admin']);
    const answers = await Promise.all([1, 2, 3].map(() => post(token, { name: 'a' }, 'k1')));
    const statuses = answers.map(({ status, headers }) =>
      status === 201 && headers.has('idempotency-replayed') ? 'replayed' : status,
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(await count(token)).toBe(1);
    for (const { status, body, headers } of answers.filter(({ status: refused }) => refused !== 201)) {
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'idempotency_in_flight' });
      expect(headers.get('retry-after')).toBe('2');
    }
  });

  it('B12: keys are of one token and one route', async () => {
    const [one, two] = [await tokenWith(['admin']), await tokenWith(['admin'])];
    await post(one, { name: 'a' }, 'k1');
    expect((await post(two, { name: 'b' }, 'k1')).status).toBe(201);
    const relay = await call('POST', '/api/v1/relays', { token: one, body: { name: 'a' }, headers: key('k1') });
    expect(relay.status).toBe(201);
  });

  it('a refusal is kept too, but one that shows that nothing was begun gives the key back', async () => {
    const token = await tokenWith(['admin']);
    await post(token, { name: 'a' }, 'k0');
    for (const replayed of [false, true]) {
      const taken = await post(token, { name: 'a' }, 'k1');
      expect(taken).toMatchObject({ status: 409, body: { code: 'name_taken' } });
      expect(taken.headers.has('idempotency-replayed')).toBe(replayed);
      expect(taken.headers.get('content-type')).toBe('application/problem+json');
    }
    expect((await post(token, { name: '../etc' }, 'k2')).status).toBe(422);
    expect((await post(token, { name: 'b' }, 'k2')).status).toBe(201);
  });

  it('what never told how it ended is not done twice: 409, then and until the key is forgotten', async () => {
    const token = await tokenWith(['admin']);
    // The answer is lost between doing and keeping, as when the Worker is ended there.
    const bound = bindingsWith({ DB: failingDb(/update "idempotency"/) });
    expect((await post(token, { name: 'a' }, 'k1', { bound })).status).toBe(201);
    expect((await post(token, { name: 'a' }, 'k1')).body.code).toBe('idempotency_in_flight');
    await age(limits.api.idempotencyInFlightMsMax);
    const unknown = await post(token, { name: 'a' }, 'k1');
    expect(unknown).toMatchObject({ status: 409, body: { code: 'idempotency_unknown' } });
    expect(unknown.body.detail).toContain('new key');
    expect(await count(token)).toBe(1);
    await age(limits.api.idempotencyKeepMs);
    expect((await post(token, { name: 'b' }, 'k1')).status).toBe(201);
  });

  it('a fault inside leaves the key without an answer, so that a repeat does not do it again', async () => {
    const token = await tokenWith(['admin']);
    const bound = bindingsWith({ DB: failingDb(/insert into "node"/) });
    expect((await post(token, { name: 'a' }, 'k1', { bound })).status).toBe(503);
    expect((await post(token, { name: 'a' }, 'k1')).body.code).toBe('idempotency_in_flight');
    expect(await count(token)).toBe(0);
  });

  it.each(['', ' ', 'a b', 'ä', 'x'.repeat(limits.api.idempotencyKeyCharsMax + 1)])(
    'the key %j is refused and nothing is done',
    async (bad) => {
      const token = await tokenWith(['admin']);
      const answer = await call('POST', hosts, { token, body: { name: 'a' }, headers: { 'idempotency-key': bad } });
      expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
      expect(await count(token)).toBe(0);
    },
  );

  it('B39: a stolen database opens no kept answer: neither secret, token nor key is in it', async () => {
    const token = await tokenWith(['admin']);
    const { body } = await post(token, { name: 'a' }, 'canary-key');
    const made = await call('POST', '/api/v1/tokens', {
      token,
      body: { name: 'canary-name', scopes: ['read'] },
      headers: key('canary-key'),
    });
    const stored = await dump();
    for (const secret of [body.join_token, made.body.token, token]) expect(stored).not.toContain(secret.slice(4, 40));
    expect(stored).not.toContain('canary-key');
    const { results } = await env.DB.prepare('SELECT answer FROM idempotency').all<{ answer: string }>();
    expect(results).toHaveLength(2);
    for (const { answer } of results) expect(atob(answer)).not.toContain('status');
  });

  it('keys are forgotten after a day', async () => {
    const token = await tokenWith(['admin']);
    await post(token, { name: 'a' }, 'k1');
    const hour = 3_600_000;
    const rows = async () => (await env.DB.prepare('SELECT 1 FROM idempotency').all()).results.length;
    const nextHour = Math.ceil(Date.now() / hour) * hour;
    await runSchedules(bindings, nextHour);
    expect(await rows()).toBe(1);
    await runSchedules(bindings, nextHour + limits.api.idempotencyKeepMs);
    expect(await rows()).toBe(0);
  });
});

it('B12: a migration that is asked for twice with one key starts once, and both see the same one', async () => {
  const token = await tokenWith(['admin']);
  const [a, b] = [await join(token, 'host', 'a'), await join(token, 'host', 'b')];
  const relay = await join(token, 'relay', 'r');
  for (const node of [a, b]) answerAll(await connect(node));
  await connect(relay);
  await insertStack('shop', a.id);
  const migrate = () =>
    call('POST', '/api/v1/stacks/shop/migrate', { token, body: { target_host_id: b.id }, headers: key('move-shop') });
  const started = await migrate();
  expect(started.status).toBe(202);
  const show = () => call('GET', `/api/v1/migrations/${started.body.id}`, { token });
  await vi.waitFor(async () => expect((await show()).body.status).toBe('completed'), waiting);
  const again = await migrate();
  expect(again).toMatchObject({ status: 202, body: { id: started.body.id } });
  expect(again.headers.get('location')).toBe(started.headers.get('location'));
  expect((await call('GET', '/api/v1/migrations', { token })).body.items).toHaveLength(1);
});
