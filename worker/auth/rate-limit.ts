import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { meterOf } from '../hosts/stubs.ts';
import { log } from '../log.ts';
import { Problem } from '../routes/problem.ts';
import type { Authed } from './bearer.ts';
import { addressKey } from './client-address.ts';
import { Buckets, type Taken } from './rate.ts';
import type { Metered } from './token-meter.ts';

/**
 * Tokens are counted exactly, each in an object of its own. Addresses are counted in the isolate's memory: who has no
 * good credentials must not be able to make us pay for an object per address, and there a rough count will do.
 */
const { rememberedMax, badCredentialsPerMinute, nodeAttemptsPerMinute } = limits.api;
const badCredentials = new Buckets(rememberedMax);
const nodeAttempts = new Buckets(rememberedMax);
/** Tokens that are refused anyway until then: a flood stops here instead of at its object. */
const blockedUntil = new Map<string, number>();

/** One request of this token. Throws `rate_limited`; else returns the headers that say what is left. */
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

/** The limit protects; where its object does not answer, requests go on without it. */
async function meter(env: Env, tokenId: string, perMinute: number): Promise<Metered | null> {
  try {
    return await meterOf(env, tokenId).spend(perMinute);
  } catch (error) {
    log.error('a token could not be metered', { token: tokenId, error });
    return null;
  }
}

/** Counts a refused credential of this client. Throws `rate_limited` where it sent too many. */
export function countBadCredentials(c: Context<Authed>): void {
  const { ok, waitMs } = badCredentials.take(addressKey(c), Date.now(), badCredentialsPerMinute);
  if (!ok) throw flooded('address', badCredentialsPerMinute, waitMs);
}

/** Throws `rate_limited` for a client that lately sent nothing but bad credentials, before anything is read for it. */
export function refuseGuessers(c: Context<Authed>): void {
  const key = addressKey(c);
  const now = Date.now();
  if (!badCredentials.empty(key, now, badCredentialsPerMinute)) return;
  throw flooded('address', badCredentialsPerMinute, badCredentials.take(key, now, badCredentialsPerMinute).waitMs);
}

/** Enrolling, renewing, connecting: throws `rate_limited` where one address does too much of it. */
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
  return new Problem('rate_limited', `Too many requests of this ${whose}; go on in ${seconds} s.`, {
    headers: { 'retry-after': String(seconds), ...rateHeaders(whose, perMinute, { remaining: 0, waitMs }) },
  });
}

/** As draft-ietf-httpapi-ratelimit-headers has them: the policy, then what is left and when there is more. */
function rateHeaders(policy: string, perMinute: number, { remaining, waitMs }: Pick<Taken, 'remaining' | 'waitMs'>) {
  return {
    'ratelimit-policy': `"${policy}";q=${perMinute};w=60`,
    ratelimit: `"${policy}";r=${remaining};t=${Math.ceil(waitMs / 1000)}`,
  };
}
