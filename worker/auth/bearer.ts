import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Scope } from '../../schema/scopes.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { Problem } from '../routes/problem.ts';
import type { Actor } from '../store/audit.ts';
import { findToken, noteUse, type TokenRow } from '../store/tokens.ts';
import { adoptBootstrapToken } from './bootstrap.ts';
import { countBadCredentials, refuseGuessers, spendToken } from './rate-limit.ts';
import { hashToken, isWellFormedToken } from './token-format.ts';

export interface Authed {
  Bindings: Env;
  Variables: {
    /** Told to the client, the log and the audit. */
    requestId: string;
    /** The token that asked. */
    token: TokenRow;
    /** Whoever the credentials name, good or not any more; unset where they name nobody. */
    actor: Actor | undefined;
    /** This refusal is the first of a flood for a while: worth an entry in the audit. */
    floodIsNews: boolean | undefined;
    /** By its name in the audit: it reveals a secret, though it only reads. */
    revealing: string | undefined;
  };
}

/** Each scope includes the ones before it. */
const ranks: Record<Scope, number> = { read: 0, migrate: 1, admin: 2 };

export const reaches = (held: Scope[], scope: Scope) => held.some((one) => ranks[one] >= ranks[scope]);

/** Hashes of tokens that were good here lately: their holders do not suffer from who else sits behind their address. */
const lately = new Set<string>();

/** 401 without a valid token, 403 where its scopes don't reach `scope`, 429 where it asks too often. */
export const requires = (scope: Scope) =>
  createMiddleware<Authed>(async (c, next) => {
    const credentials = c.req.header('authorization');
    const token = bearerOf(credentials);
    if (!token) {
      countBadCredentials(c);
      throw unauthorized('Send an API token: "Authorization: Bearer sfy_…".');
    }
    if (!isWellFormedToken('sfy', token)) {
      countBadCredentials(c);
      throw unauthorized('That is not a whole API token.');
    }
    const hash = await hashToken(token);
    if (!lately.has(hash)) refuseGuessers(c);
    const row = (await findToken(c.env.DB, hash)) ?? (await adoptBootstrapToken(c.env, hash));
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

function refusal(row: TokenRow | null, now: number): string | null {
  if (!row) return 'is not known';
  if (row.revoked_at !== null) return 'was revoked';
  if (row.expires_at !== null && row.expires_at <= now) return 'has expired';
  return null;
}

/** The credentials of an `Authorization: Bearer` header, null where there are none. */
export function bearerOf(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9._~+/=-]{1,8192})$/i.exec(header?.trim() ?? '')?.[1] ?? null;
}

function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail, {
    headers: { 'www-authenticate': 'Bearer realm="stackferry", error="invalid_token"' },
  });
}
