import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { createdToken, createToken, tokenView } from '../../schema/api/access.ts';
import { objectId, page, pageQuery } from '../../schema/api/common.ts';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';
import { hashToken, isPerson, newToken } from '../store/token-format.ts';
import { insertToken, listTokens, loadToken, restorePerson, revokeToken, type TokenRow } from '../store/tokens.ts';
import { time, timeOrNull } from '../time.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, body, guarded, guardedBody, located, refuses } from './define.ts';

/**
 * API tokens. Every route but that of a token's own view needs `admin`, which includes every other scope, so no token can grant a scope it does not
 * hold, and a stolen `read` token cannot create a successor.
 */
const path = '/api/v1/tokens';
const tags = ['tokens'];
const params = z.object({ id: objectId });

const create = createRoute({
  method: 'post',
  path,
  tags,
  operationId: 'createToken',
  summary: 'Create an API token; it is shown only in this answer',
  description: 'Each scope includes the ones before it: `read`, `migrate`, `admin`. Only a hash is kept.',
  ...guardedBody('admin'),
  request: { body: body(createToken) },
  responses: { 201: located(createdToken, 'Created; the token is shown only once.') },
});

const list = createRoute({
  method: 'get',
  path,
  tags,
  operationId: 'listTokens',
  summary: 'List the API tokens, oldest first, revoked and expired ones too, then the people who have logged in',
  description: 'The tokens themselves are not kept, so not shown.',
  ...guarded('admin'),
  request: { query: pageQuery },
  responses: { 200: answers(page(tokenView), 'A page.') },
});

const showCurrent = createRoute({
  method: 'get',
  path: `${path}/current`,
  tags,
  operationId: 'showCurrentToken',
  summary: 'Show the API token of this request',
  description: 'Its name, scopes and expiry; any token may ask.',
  ...guarded('read'),
  responses: { 200: answers(tokenView, 'The token.') },
});

const show = createRoute({
  method: 'get',
  path: `${path}/{id}`,
  tags,
  operationId: 'showToken',
  summary: 'Show an API token, or a person who has logged in',
  description: 'Without the token itself, which is not kept.',
  ...guarded('admin'),
  ...refuses('not_found'),
  request: { params },
  responses: { 200: answers(tokenView, 'The token.') },
});

const revoke = createRoute({
  method: 'delete',
  path: `${path}/{id}`,
  tags,
  operationId: 'revokeToken',
  summary: 'Revoke an API token, at once and for good; the last one that can administer is refused',
  description:
    'Migrations that it requested continue. Of a person: their sessions end, and they cannot log in until an admin restores their access.',
  ...guarded('admin'),
  ...refuses('not_found', 'last_admin_token'),
  request: { params },
  responses: { 204: { description: 'Revoked.' } },
});

const restore = createRoute({
  method: 'post',
  path: `${path}/{id}/restore`,
  tags,
  operationId: 'restorePerson',
  summary: 'Let a person log in again whose access was revoked',
  description: 'What they may do is said by the settings at their next login. A revoked token stays revoked.',
  ...guarded('admin'),
  ...refuses('not_found'),
  request: { params },
  responses: { 200: answers(tokenView, 'The person.') },
});

export function tokenRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(create, async (c) => {
    const { name, scopes, ...ending } = c.req.valid('json');
    const now = Date.now();
    const token = newToken('sfy');
    const row = await insertToken(
      c.env.DB,
      await hashToken(token),
      { name, scopes, expires_at: endOf(ending, now) },
      now,
    );
    c.header('location', `${path}/${row.id}`);
    c.header('cache-control', 'no-store');
    return c.json({ ...viewToken(row, now), token }, 201);
  });

  app.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const rows = await listTokens(c.env.DB, decodeCursor(cursor, 1)?.[0] ?? null, limit);
    const { items, next_cursor } = pageOf(rows, limit, ({ id }) => [id]);
    return c.json({ items: items.map((row) => viewToken(row, Date.now())), next_cursor }, 200);
  });

  app.openapi(showCurrent, (c) => c.json(viewToken(c.get('token'), Date.now()), 200));

  app.openapi(show, async (c) => {
    const row = await loadToken(c.env.DB, c.req.valid('param').id);
    if (!row) throw absent();
    return c.json(viewToken(row, Date.now()), 200);
  });

  app.openapi(restore, async (c) => {
    const row = await restorePerson(c.env.DB, c.req.valid('param').id);
    if (!row)
      throw new Problem('not_found', 'There is no such person. A revoked token stays revoked: create another one.');
    return c.json(viewToken(row, Date.now()), 200);
  });

  app.openapi(revoke, async (c) => {
    const outcome = await revokeToken(c.env.DB, c.req.valid('param').id, Date.now());
    if (outcome === 'absent') throw absent();
    if (outcome === 'last_admin')
      throw new Problem(
        'last_admin_token',
        'It is the last usable token with the scope "admin"; without it no token could be created. Create another one first.',
      );
    return c.body(null, 204);
  });
}

const absent = () => new Problem('not_found', 'There is no such token.');

/** Returns null for "until revoked". Throws if the end is in the past or too far in the future. */
function endOf(ending: { expires_in_s?: number | undefined; expires_at?: string | undefined }, now: number) {
  if (ending.expires_in_s !== undefined) return now + ending.expires_in_s * 1000;
  if (ending.expires_at === undefined) return null;
  const at = Date.parse(ending.expires_at);
  const { tokenSecondsMin, tokenSecondsMax } = limits.api;
  if (at >= now + tokenSecondsMin * 1000 && at <= now + tokenSecondsMax * 1000) return at;
  const message = `must lie between a minute and ten years from now, which is ${time(now)}`;
  throw new Problem('invalid_request', `expires_at: ${message}`, { errors: [{ path: 'expires_at', message }] });
}

function viewToken(row: TokenRow, now: number): z.infer<typeof tokenView> {
  const { id, name, scopes, created_at, expires_at, revoked_at, last_used_at } = row;
  const expired = expires_at !== null && expires_at <= now;
  return {
    id,
    name,
    kind: isPerson(id) ? ('person' as const) : ('token' as const),
    scopes,
    status: revoked_at !== null ? 'revoked' : expired ? 'expired' : 'active',
    created_at: time(created_at),
    expires_at: timeOrNull(expires_at),
    revoked_at: timeOrNull(revoked_at),
    last_used_at: timeOrNull(last_used_at),
  };
}
