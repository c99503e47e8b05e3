import { createMiddleware } from 'hono/factory';
import type { Scope } from '../../schema/tables.ts';
import type { Env } from '../env.ts';
import { Problem } from '../routes/problem.ts';
import { findToken, type TokenRow } from '../store/tokens.ts';
import { adoptBootstrapToken } from './bootstrap.ts';
import { hashToken, isWellFormedToken } from './token-format.ts';

export interface Authed {
  Bindings: Env;
  /** The token that asked. */
  Variables: { token: TokenRow };
}

/** Each scope includes the ones before it. */
const ranks: Record<Scope, number> = { read: 0, migrate: 1, admin: 2 };

/** 401 without a valid token, 403 where its scopes don't reach `scope`. */
export const requires = (scope: Scope) =>
  createMiddleware<Authed>(async (c, next) => {
    const token = await authenticate(c.env, c.req.header('authorization'));
    if (!token.scopes.some((held) => ranks[held] >= ranks[scope]))
      throw new Problem('forbidden', `This needs a token with the scope "${scope}".`, {
        headers: { 'www-authenticate': `Bearer realm="stackferry", error="insufficient_scope", scope="${scope}"` },
      });
    c.set('token', token);
    await next();
  });

async function authenticate(env: Env, header: string | undefined): Promise<TokenRow> {
  const token = bearerOf(header);
  if (!token) throw unauthorized('Send an API token: "Authorization: Bearer sfy_…".');
  if (!isWellFormedToken('sfy', token)) throw unauthorized('That is not a whole API token.');
  const hash = await hashToken(token);
  const row = (await findToken(env.DB, hash)) ?? (await adoptBootstrapToken(env, hash));
  if (!row) throw unauthorized('That API token is not known.');
  if (row.revoked_at !== null) throw unauthorized('That API token was revoked.');
  if (row.expires_at !== null && row.expires_at <= Date.now()) throw unauthorized('That API token has expired.');
  return row;
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
