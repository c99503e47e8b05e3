import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Scope } from '../../schema/scopes.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { Problem } from '../problem.ts';
import { hashToken, isPerson, isWellFormedToken } from '../store/token-format.ts';
import { findToken, noteUse, type TokenRow } from '../store/tokens.ts';
import { findSession } from '../store/ui-sessions.ts';
import type { Authed } from './authed.ts';
import { adoptBootstrapToken } from './bootstrap.ts';
import { countBadCredentials, refuseGuessers, spendToken } from './rate-limit.ts';

/** Each scope includes the previous ones. */
const ranks: Record<Scope, number> = { read: 0, migrate: 1, admin: 2 };

export const reaches = (held: Scope[], scope: Scope) => held.some((one) => ranks[one] >= ranks[scope]);

/** Hashes of recently accepted tokens: their holders are not blocked because of other clients at the same address. */
const lately = new Set<string>();

/** 401 without a valid token, 403 if its scopes do not include `scope`, 429 above the rate limit. */
export const requires = (scope: Scope) =>
  createMiddleware<Authed>(async (c, next) => {
    const credentials = c.req.header('authorization');
    const token = bearerOf(credentials);
    if (!token) {
      countBadCredentials(c);
      throw unauthorized('Send an API token: "Authorization: Bearer sfy_…".');
    }
    const ofPerson = isWellFormedToken('sfs', token);
    if (!ofPerson && !isWellFormedToken('sfy', token)) {
      countBadCredentials(c);
      throw unauthorized('That API token is incomplete; it starts with sfy_.');
    }
    const hash = await hashToken(token);
    if (!lately.has(hash)) refuseGuessers(c);
    const row = ofPerson ? await personOf(c.env, hash) : await holderOf(c.env, hash);
    if (row) c.set('actor', { kind: 'token', id: row.id, name: row.name });
    const why = refusal(row, Date.now());
    if (!row || why) {
      lately.delete(hash);
      countBadCredentials(c);
      throw unauthorized(`That API token ${why}.`);
    }
    if (lately.size >= limits.api.rememberedMax) lately.clear();
    lately.add(hash);
    const rateHeaders = await spendToken(c, row.id);
    if (!reaches(row.scopes, scope))
      throw new Problem('forbidden', `This needs a token with the scope "${scope}".`, {
        headers: { 'www-authenticate': `Bearer realm="stackferry", error="insufficient_scope", scope="${scope}"` },
      });
    c.set('token', row);
    await noteUse(c.env.DB, row, Date.now()).catch((error) => log.warn('the use of a token was not noted', { error }));
    await next();
    for (const [name, value] of Object.entries(rateHeaders)) c.header(name, value);
  });

const holderOf = async (env: Env, hash: string): Promise<TokenRow | null> =>
  (await findToken(env.DB, hash)) ?? adoptBootstrapToken(env, hash);

/** A person's session is a credential of its own; that of a token is none, the token is sealed in it. */
async function personOf(env: Env, hash: string): Promise<TokenRow | null> {
  const found = await findSession(env.DB, hash, Date.now());
  return found && isPerson(found.token.id) ? found.token : null;
}

function refusal(row: TokenRow | null, now: number): string | null {
  if (!row) return 'is unknown';
  if (row.revoked_at !== null) return 'was revoked';
  if (row.expires_at !== null && row.expires_at <= now) return 'has expired';
  return null;
}

/** Returns the credentials of an `Authorization: Bearer` header, or null. */
export function bearerOf(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9._~+/=-]{1,8192})$/i.exec(header?.trim() ?? '')?.[1] ?? null;
}

function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail, {
    headers: { 'www-authenticate': 'Bearer realm="stackferry", error="invalid_token"' },
  });
}
