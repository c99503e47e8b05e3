import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { type ErrorCode, errorCodeOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import { bearerOf } from '../auth/bearer.ts';
import { type Answer, type Seal, sealOf } from '../auth/sealed-answer.ts';
import { log } from '../log.ts';
import { Problem } from '../problem.ts';
import { claimKey, type IdempotencyId, type IdempotencyRow, releaseKey, storeAnswer } from '../store/idempotency.ts';
import { hashToken } from '../store/token-format.ts';

/**
 * `Idempotency-Key` on a POST: the act is done once, however often a client that lost the response repeats it.
 *
 *   the key is free              claim it, run the request, store the response
 *   used by another request      422 `idempotency_mismatch`
 *   it has a response            that response, with `Idempotency-Replayed: true`
 *   no response yet              409 `idempotency_in_flight`; repeat later
 *   no response for too long     409 `idempotency_unknown`: the Worker died before it stored the response, or failed
 *
 * Because of the last case a claim never times out: a second try could start a second migration. The client checks the
 * result of the first request and uses a new key. A key is released only if the response shows that nothing was started.
 */
export const idempotent = createMiddleware<Authed>(async (c, next) => {
  const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined;
  if (key === undefined) return next();
  if (key.length > limits.api.idempotencyKeyCharsMax || !/^[\x21-\x7e]+$/.test(key))
    throw new Problem(
      'invalid_request',
      `Idempotency-Key: 1 to ${limits.api.idempotencyKeyCharsMax} visible ASCII characters.`,
    );
  const route = `${c.req.method} ${routePath(c)}`;
  const seal = await sealOf(bearerOf(c.req.header('authorization')) ?? '', key, route);
  const { pathname, search } = new URL(c.req.url);
  // Routes without a body do not read it, so it does not count here.
  const body = await (c.req.bodyCache.text ?? '');
  const fingerprint = await seal.fingerprint(JSON.stringify([c.req.method, pathname, search, body]));
  const id = { token_id: c.get('token').id, route, key_hash: await hashToken(key) };
  const before = await claimKey(c.env.DB, id, fingerprint, Date.now());
  if (before) return replay(before, fingerprint, seal);
  const work = next().then(() => keep(c.env.DB, id, seal, c.res.clone(), c.error));
  // Completes even if the client disconnects; it will repeat the request with its key.
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // No execution context outside of the platform, as in tests.
  }
  await work;
});

async function replay(before: IdempotencyRow, fingerprint: string, seal: Seal): Promise<Response> {
  if (before.fingerprint !== fingerprint)
    throw new Problem('idempotency_mismatch', 'That Idempotency-Key was used for another request; use a new one.');
  if (before.answer !== null) {
    const { status, headers, body } = await seal.open(before.answer);
    return new Response(body === '' ? null : body, { status, headers: { ...headers, 'idempotency-replayed': 'true' } });
  }
  const leftMs = before.created_at + limits.api.idempotencyInFlightMsMax - Date.now();
  if (leftMs > 0)
    throw new Problem(
      'idempotency_in_flight',
      'The first request with that Idempotency-Key is still being processed.',
      {
        headers: { 'retry-after': '2' },
      },
    );
  throw new Problem(
    'idempotency_unknown',
    'The first request with that Idempotency-Key has no known result and is not repeated. Check whether it took effect; if not, send it with a new key.',
  );
}

/** Errors that occur before anything is started. */
const nothingBegun: ReadonlySet<ErrorCode> = new Set(['invalid_request', 'rate_limited']);
const keptHeaders = ['content-type', 'location', 'cache-control'];

async function keep(db: D1Database, id: IdempotencyId, seal: Seal, response: Response, error: Error | undefined) {
  try {
    if (error && nothingBegun.has(errorCodeOf(error))) return await releaseKey(db, id);
    // The effect of a failed request is unknown: the key stays without a response.
    if (response.status === 500 || response.status === 503) return;
    const headers = Object.fromEntries(
      keptHeaders.flatMap((name) => (response.headers.has(name) ? [[name, response.headers.get(name) ?? '']] : [])),
    );
    const answer: Answer = { status: response.status, headers, body: await response.text() };
    if (answer.body.length <= limits.api.idempotencyAnswerBytesMax) await storeAnswer(db, id, await seal.close(answer));
    else log.warn('an answer is too long to be kept for its idempotency key', { route: id.route });
  } catch (fault) {
    log.error('the answer to an idempotency key was not kept', { route: id.route, error: fault });
  }
}
