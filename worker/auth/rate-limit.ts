import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import { meterOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { Buckets } from '../objects/token-meter/rate.ts';
import { Problem } from '../problem.ts';
import type { Metered, Taken } from '../rpc.ts';
import type { Authed } from './authed.ts';
import { addressKey } from './client-address.ts';

/**
 * Tokens are counted exactly, each in its own object. Addresses are counted in the isolate's memory: an unauthenticated
 * client must not be able to cause the cost of an object per address, and a rough count is enough.
 */
const { rememberedMax, badCredentialsPerMinute, nodeAttemptsPerMinute } = limits.api;
const badCredentials = new Buckets(rememberedMax);
const nodeAttempts = new Buckets(rememberedMax);
const refusedPeople = new Buckets(rememberedMax);
/** Until when a token is refused: a flood stops here instead of reaching its object. */
const blockedUntil = new Map<string, number>();

/** Counts one request of this token. Throws `rate_limited`; else returns the rate-limit headers. */
export async function spendToken(c: Context<Authed>, tokenId: string): Promise<Record<string, string>> {
  const perMinute = tokenRate(c.env);
  const now = Date.now();
  const blockedMs = (blockedUntil.get(tokenId) ?? 0) - now;
  if (blockedMs > 0) throw flooded('token', perMinute, blockedMs);
  blockedUntil.delete(tokenId);
  const metered = await meter(c.env, tokenId, perMinute);
  if (!metered) return {};
  if (metered.ok) return rateHeaders('token', perMinute, metered);
  if (blockedUntil.size >= rememberedMax) blockedUntil.clear();
  blockedUntil.set(tokenId, now + metered.waitMs);
  c.set('floodIsNews', metered.news);
  throw flooded('token', perMinute, metered.waitMs);
}

/** Fails open: if the object does not answer, requests are not limited. */
async function meter(env: Env, tokenId: string, perMinute: number): Promise<Metered | null> {
  try {
    return await meterOf(env, tokenId).spend(perMinute);
  } catch (error) {
    log.error('a token could not be metered', { token: tokenId, error });
    return null;
  }
}

/** Counts a refused credential of this client. Throws `rate_limited` above the limit. */
export function countBadCredentials(c: Pick<Context, 'req'>): void {
  const { ok, waitMs } = badCredentials.take(addressKey(c), Date.now(), badCredentialsPerMinute);
  if (!ok) throw flooded('address', badCredentialsPerMinute, waitMs);
}

/** Throws `rate_limited` for a client above the limit of bad credentials, before any database query. */
export function refuseGuessers(c: Pick<Context, 'req'>): void {
  const key = addressKey(c);
  const now = Date.now();
  if (!badCredentials.empty(key, now, badCredentialsPerMinute)) return;
  throw flooded('address', badCredentialsPerMinute, badCredentials.take(key, now, badCredentialsPerMinute).waitMs);
}

/** True once per `floodNoteMs` for each person: their refusals in between are left out of the audit, which anybody could fill. */
export const isRefusalNews = (personId: string): boolean =>
  refusedPeople.take(personId, Date.now(), 60_000 / limits.api.floodNoteMs).ok;

/** For enrolment, renewal and connections: throws `rate_limited` above the limit per address. */
export const countsNodeAttempts = createMiddleware<Authed>(async (c, next) => {
  const { ok, waitMs } = nodeAttempts.take(addressKey(c), Date.now(), nodeAttemptsPerMinute);
  if (!ok) throw flooded('address', nodeAttemptsPerMinute, waitMs);
  await next();
});

function tokenRate(env: Env): number {
  const set = Number(env.RATE_LIMIT_PER_MINUTE);
  return Number.isFinite(set) && set >= 1 ? set : limits.api.tokenRequestsPerMinute;
}

function flooded(whose: 'token' | 'address', perMinute: number, waitMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem('rate_limited', `Too many requests of this ${whose}; retry in ${seconds} s.`, {
    headers: { 'retry-after': String(seconds), ...rateHeaders(whose, perMinute, { remaining: 0, waitMs }) },
  });
}

/** Headers of draft-ietf-httpapi-ratelimit-headers: the policy, then the remaining requests and the time until more. */
function rateHeaders(policy: string, perMinute: number, { remaining, waitMs }: Pick<Taken, 'remaining' | 'waitMs'>) {
  return {
    'ratelimit-policy': `"${policy}";q=${perMinute};w=60`,
    ratelimit: `"${policy}";r=${remaining};t=${Math.ceil(waitMs / 1000)}`,
  };
}
