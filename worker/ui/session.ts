import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Scope } from '../../schema/scopes.ts';
import { reaches } from '../auth/bearer.ts';
import type { Env } from '../env.ts';
import { keysOf, type SealedBox, sealedBox } from '../objects/fleet-authority/sealed-box.ts';
import { hashToken, isWellFormedToken, newToken } from '../store/token-format.ts';
import { findToken, type TokenRow } from '../store/tokens.ts';
import { deleteSession, findSession, insertSession } from '../store/ui-sessions.ts';
import { publicOrigin } from '../views/public-origin.ts';

/**
 * A login to the web UI. The cookie holds a random secret; the database holds its hash, and the API token sealed with a
 * key derived from it. So neither a copy of the database nor the cookie alone reveals the token. Pages call the API
 * with the token: scopes, limits, audit and revocation are those of the API. A person whom the login provider has named has no
 * token: the API takes the secret itself for as long as the session lasts.
 */
export interface Session {
  token: string;
  tokenName: string;
  scopes: Scope[];
  /** Part of each form; a page of another site cannot read it. */
  csrf: string;
  hash: string;
  /** Migrations that need a person, up to `limits.ui.attentionMax`; shown in the navigation of every page. */
  attention: number;
}

export interface Ui {
  Bindings: Env;
  Variables: { session: Session };
}

const cookieName = 'stackferry_session';
const cookiePath = '/ui';

/** Creates a session for a token that the API has just accepted. */
export async function logIn(c: Context<Ui>, token: string): Promise<void> {
  const row = await findToken(c.env.DB, await hashToken(token));
  if (!row) throw new Error('the API took a token that is not stored');
  const secret = newToken('sfs');
  await open(c, row, secret, await (await boxOf(secret)).close(token));
}

/** Creates a session for a person whom the login provider has just named. */
export const logInPerson = (c: Context<Ui>, row: TokenRow): Promise<void> => open(c, row, newToken('sfs'), noToken);

const noToken = '';

async function open(c: Context<Ui>, row: TokenRow, secret: string, sealed_token: string): Promise<void> {
  const now = Date.now();
  const expires_at = Math.min(now + limits.ui.sessionMsMax, row.expires_at ?? Number.POSITIVE_INFINITY);
  await insertSession(c.env.DB, {
    hash: await hashToken(secret),
    token_id: row.id,
    sealed_token,
    created_at: now,
    expires_at,
  });
  setCookie(c, cookieName, secret, {
    path: cookiePath,
    httpOnly: true,
    sameSite: 'Strict',
    secure: isSecure(c),
    maxAge: Math.floor((expires_at - now) / 1000),
  });
}

/** By the scheme as the browser sees it: a proxy in front may terminate https. A link sends no origin. */
export const isSecure = (c: Context<Ui>): boolean =>
  new URL(c.req.header('origin') ?? publicOrigin(c)).protocol === 'https:';

export async function logOut(c: Context<Ui>): Promise<void> {
  await deleteSession(c.env.DB, c.get('session').hash);
  deleteCookie(c, cookieName, { path: cookiePath });
}

/** Requires a session; otherwise redirects to the login page, and from there back. */
export const withSession = createMiddleware<Ui>(async (c, next) => {
  const secret = getCookie(c, cookieName);
  const session = secret === undefined ? null : await sessionOf(c.env, secret);
  if (!session) {
    if (secret !== undefined) deleteCookie(c, cookieName, { path: cookiePath });
    return toLogin(c, secret !== undefined);
  }
  c.set('session', session);
  await next();
});

/** `ended`: there was a session, which the login page mentions. */
export function toLogin(c: Context<Ui>, ended: boolean): Response {
  const reading = c.req.method === 'GET';
  if (reading && !c.req.header('accept')?.includes('text/html')) return c.text('Log in.', 401);
  // After a form: the page that contained it. The act is not repeated automatically.
  const from = reading ? c.req.url : c.req.header('referer');
  const back = from && URL.canParse(from) ? new URL(from) : null;
  const next = back && back.host === new URL(c.req.url).host ? placeOf(back.pathname + back.search) : home;
  const query = new URLSearchParams({ ...(next === home ? {} : { next }), ...(ended ? { ended: '1' } : {}) });
  return c.redirect(query.size === 0 ? '/ui/login' : `/ui/login?${query}`, 303);
}

export const home = '/ui/stacks';

/** Returns a path of this UI to open after the login, or the home page: prevents open redirects. */
export function placeOf(path: string | undefined): string {
  if (path === undefined || path.length > limits.ui.addressCharsMax || !/^\/ui\/[\w./?&=%+:-]*$/.test(path))
    return home;
  const { pathname, search } = new URL(path, 'http://ui');
  return pathname + search === path && !path.startsWith('/ui/login') ? path : home;
}

export const can = ({ scopes }: Session, scope: Scope) => reaches(scopes, scope);

async function sessionOf(env: Env, secret: string): Promise<Session | null> {
  if (!isWellFormedToken('sfs', secret)) return null;
  const hash = await hashToken(secret);
  const found = await findSession(env.DB, hash, Date.now());
  if (!found) return null;
  const { sealed_token } = found.session;
  const token = sealed_token === noToken ? secret : await (await boxOf(secret)).open(sealed_token);
  const { name, scopes } = found.token;
  return { token, tokenName: name, scopes, csrf: await hashToken(`csrf ${secret}`), hash, attention: 0 };
}

const boxOf = async (secret: string): Promise<SealedBox> => sealedBox(await keysOf(secret, ''), 'session');
