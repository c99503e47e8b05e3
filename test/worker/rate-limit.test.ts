import { describe, expect, it } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import { Buckets, take } from '../../worker/objects/token-meter/rate.ts';
import { newToken } from '../../worker/store/token-format.ts';
import { type CallOptions, call, tokenWith } from './support/api.ts';
import { auditOf, bindingsWith, countingDb } from './support/databases.ts';

const five = bindingsWith({ RATE_LIMIT_PER_MINUTE: '5' });
const from = (address: string) => ({ 'cf-connecting-ip': address });

async function until429(send: () => ReturnType<typeof call>, triesMax: number) {
  for (let tries = 1; tries <= triesMax; tries++) {
    const answer = await send();
    if (answer.status === 429) return { answer, tries };
  }
  throw new Error(`never refused in ${triesMax} tries`);
}

describe('a flood', () => {
  it('B14: of one token is 429 with Retry-After, says what was allowed, and does not touch other tokens', async () => {
    const [token, other] = [await tokenWith(['admin']), await tokenWith(['admin'])];
    const get = (by: string) => call('GET', '/api/v1/hosts', { token: by, bound: five });
    const first = await get(token);
    expect(first.headers.get('ratelimit-policy')).toBe('"token";q=5;w=60');
    expect(first.headers.get('ratelimit')).toBe('"token";r=4;t=0');
    const { answer, tries } = await until429(() => get(token), 10);
    expect(tries).toBe(5);
    expect(answer.body).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const retryAfter = Number(answer.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(12);
    expect(answer.headers.get('ratelimit')).toBe(`"token";r=0;t=${retryAfter}`);
    expect((await get(other)).status).toBe(200);
  });

  it('B14: is stopped before the act and the database, and the audit tells of it once', async () => {
    const token = await tokenWith(['admin']);
    const post = (options: CallOptions = {}) =>
      call('POST', '/api/v1/hosts', { token, body: { name: 'a' }, bound: five, ...options });
    await until429(post, 10);
    const watched = countingDb();
    await post({ bound: { ...five, DB: watched.db } });
    // Whose token it is must be read; nothing more.
    expect(watched.uses()).toBe(1);
    for (let n = 0; n < 20; n++) expect((await post()).status).toBe(429);
    const refused = (await auditOf(await tokenWith(['admin']))).filter(({ code }) => code === 'rate_limited');
    expect(refused).toHaveLength(1);
  });

  it('B14: of bad credentials is 429 for their address, before anything is read for it; a good token there goes on', async () => {
    const good = await tokenWith(['read']);
    const mine = { token: good, headers: from('198.51.100.1') };
    expect((await call('GET', '/api/v1/hosts', mine)).status).toBe(200);
    const guess = (address: string, bound = five) =>
      call('GET', '/api/v1/hosts', { token: newToken('sfy'), headers: from(address), bound });
    const { answer, tries } = await until429(() => guess('198.51.100.1'), limits.api.badCredentialsPerMinute + 5);
    expect(tries).toBeGreaterThan(limits.api.badCredentialsPerMinute);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(answer.headers.get('ratelimit-policy')).toBe(`"address";q=${limits.api.badCredentialsPerMinute};w=60`);
    const watched = countingDb();
    expect((await guess('198.51.100.1', { ...five, DB: watched.db })).status).toBe(429);
    expect(watched.uses()).toBe(0);
    expect((await guess('198.51.100.2')).status).toBe(401);
    expect((await call('GET', '/api/v1/hosts', mine)).status).toBe(200);
  });

  it('B14: from all over one IPv6 network counts as one client', async () => {
    const guess = (n: number) => call('GET', '/api/v1/hosts', { headers: from(`2001:db8:1:2::${n.toString(16)}`) });
    let n = 0;
    await until429(() => guess(++n), limits.api.badCredentialsPerMinute + 5);
    expect((await call('GET', '/api/v1/hosts', { headers: from('2001:db8:1:3::1') })).status).toBe(401);
  });

  it('B14: of enrolments, renewals and connections of agents, counted together, is 429 for their address', async () => {
    const connect = (address: string) => call('GET', agentPaths.connect, { headers: from(address) });
    const { answer, tries } = await until429(() => connect('192.0.2.1'), limits.api.nodeAttemptsPerMinute + 400);
    expect(tries).toBeGreaterThan(limits.api.nodeAttemptsPerMinute);
    expect(answer.body.code).toBe('rate_limited');
    const enroll = { body: { join_token: newToken('sfj'), csr: 'x' } };
    const renew = { body: { csr: 'x' } };
    for (const [path, options] of [
      [agentPaths.enroll, enroll],
      [agentPaths.renew, renew],
    ] as const) {
      const of = (address: string) => call('POST', path, { ...options, headers: from(address) });
      // What a slow machine let flow back since is spent first.
      expect((await until429(() => of('192.0.2.1'), 400)).answer.body.code).toBe('rate_limited');
      expect((await of('192.0.2.9')).status).toBe(401);
    }
    expect((await connect('192.0.2.9')).status).toBe(422);
  });

  it('goes on unlimited where the meter does not answer', async () => {
    const broken = {
      idFromName: () => {
        throw new Error('the object is overloaded');
      },
    } as unknown as typeof five.TOKEN_METER;
    const token = await tokenWith(['read']);
    const answer = await call('GET', '/api/v1/hosts', { token, bound: { ...five, TOKEN_METER: broken } });
    expect(answer.status).toBe(200);
    expect(answer.headers.has('ratelimit')).toBe(false);
  });
});

describe('a bucket', () => {
  it('holds a minute’s worth, fills evenly, and tells when the next one fits', () => {
    let fullAt = 0;
    const spend = (now: number) => {
      const taken = take(fullAt, now, 60);
      fullAt = taken.fullAt;
      return taken;
    };
    for (let n = 59; n >= 0; n--) expect(spend(1_000_000)).toMatchObject({ ok: true, remaining: n });
    expect(spend(1_000_000)).toMatchObject({ ok: false, waitMs: 1_000 });
    expect(spend(1_000_999).ok).toBe(false);
    expect(spend(1_001_000).ok).toBe(true);
    expect(spend(1_001_000).ok).toBe(false);
    expect(spend(2_000_000)).toMatchObject({ ok: true, remaining: 59 });
  });

  it('never lets more than twice its size through in a minute, at any rate', () => {
    for (const perMinute of [1, 7, 60, 3_000]) {
      let [fullAt, through] = [0, 0];
      for (let now = 0; now < 60_000; now += 3) {
        const taken = take(fullAt, now, perMinute);
        fullAt = taken.fullAt;
        if (taken.ok) through += 1;
      }
      expect(through).toBeGreaterThanOrEqual(perMinute);
      expect(through).toBeLessThanOrEqual(2 * perMinute);
    }
  });

  it('is forgotten when too many others are counted', () => {
    const buckets = new Buckets(2);
    expect(buckets.take('a', 0, 1).ok).toBe(true);
    expect(buckets.take('a', 0, 1).ok).toBe(false);
    buckets.take('b', 0, 1);
    buckets.take('c', 0, 1);
    expect(buckets.take('a', 0, 1).ok).toBe(true);
  });
});
