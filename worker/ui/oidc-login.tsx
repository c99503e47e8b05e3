import type { Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import { z } from 'zod';
import { limits } from '../../schema/limits.ts';
import { clientAddress } from '../auth/client-address.ts';
import { beginLogin, finishLogin, providerName } from '../auth/oidc/provider.ts';
import { type LoginRefusal, misconfigured, notAllowed, notLoggedIn } from '../auth/oidc/refusal.ts';
import { type OidcSettings, readOidcSettings } from '../auth/oidc/settings.ts';
import { personIn } from '../auth/oidc/who.ts';
import { countBadCredentials, isRefusalNews, refuseGuessers } from '../auth/rate-limit.ts';
import { insertAudit } from '../store/audit.ts';
import { endSessionsOf, recordPerson } from '../store/people.ts';
import { publicOrigin } from '../views/public-origin.ts';
import { show } from './kit.ts';
import { LoginPage } from './pages/login.tsx';
import { home, isSecure, logInPerson, placeOf, type Ui } from './session.ts';

/** Login at a provider. What it must answer is kept in a cookie of the browser that went there, which is good for one answer. */
const checksCookie = 'stackferry_login';
const place = { path: '/ui/login' };
const backPath = '/ui/login/callback';

const keptChecks = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), next: z.string() });

/** Null if there is none to log in at. */
export function providerOn(c: Context<Ui>): string | null {
  const read = readOidcSettings(c.env);
  if (read.kind === 'on') return providerName(read.settings);
  return read.kind === 'off' ? null : 'your account';
}

export function oidcLogin(ui: Hono<Ui>): void {
  ui.get('/login/oidc', async (c) => {
    const next = placeOf(c.req.query('next'));
    const read = settingsOf(c);
    if (!read.ok) return refuse(c, next, read.refusal);
    const begun = await beginLogin(read.settings, publicOrigin(c) + backPath);
    if (!begun.ok) return refuse(c, next, begun.refusal);
    const kept = { ...begun.checks, next: next.length > limits.oidc.nextCharsMax ? home : next };
    setCookie(c, checksCookie, JSON.stringify(kept), {
      ...place,
      httpOnly: true,
      // The way back begins on the provider's site.
      sameSite: 'Lax',
      secure: isSecure(c),
      maxAge: limits.oidc.loginMsMax / 1000,
    });
    return c.redirect(begun.url, 303);
  });

  ui.get('/login/callback', async (c) => {
    const checks = checksOf(getCookie(c, checksCookie));
    deleteCookie(c, checksCookie, place);
    const read = settingsOf(c);
    if (!read.ok) return refuse(c, home, read.refusal);
    if (!checks)
      return refuse(
        c,
        home,
        notLoggedIn('This login took too long, has ended already, or was begun in another browser. Begin again.'),
      );
    refuseGuessers(c);
    const answer = new URL(publicOrigin(c) + backPath + new URL(c.req.url).search);
    const outcome = await finishLogin(read.settings, answer, checks);
    const refusal = outcome.ok ? await admit(c, outcome.claims, read.settings) : outcome.refusal;
    // Whom nobody has let in guessed nothing, and a provider that is down says nothing of who asks.
    if (refusal?.status === 401) countBadCredentials(c);
    return refusal ? refuse(c, placeOf(checks.next), refusal) : stepTo(c, placeOf(checks.next));
  });
}

/** Opens a page by a request that begins on this site: else the browser would withhold the session's cookie. */
export const stepTo = (c: Context<Ui>, path: string) =>
  c.html(html`<!doctype html><title>Stackferry</title><meta http-equiv="refresh" content="0;url=${path}">`);

/** Logs in whom the provider has named, if the settings let them in; of anyone else no session goes on. */
async function admit(c: Context<Ui>, claims: Parameters<typeof personIn>[0], settings: OidcSettings) {
  const named = await personIn(claims, settings);
  const { id, name } = named.person;
  const row = named.ok ? await recordPerson(c.env.DB, named.person, Date.now()) : null;
  if (!named.ok) await endSessionsOf(c.env.DB, id);
  const refusal = !named.ok
    ? notAllowed(named.why)
    : row?.revoked_at == null
      ? null
      : notAllowed(`An admin has revoked the access of ${name}. Only an admin can restore it.`);
  if (refusal && !isRefusalNews(id)) return refusal;
  await insertAudit(c.env.DB, {
    at: Date.now(),
    request_id: crypto.randomUUID(),
    actor: { kind: 'token', id, name },
    act: `GET ${backPath}`,
    objects: {},
    status: refusal?.status ?? 200,
    code: refusal?.code ?? null,
    address: clientAddress(c),
  });
  if (row && !refusal) await logInPerson(c, row);
  return refusal;
}

function settingsOf(c: Context<Ui>): { ok: true; settings: OidcSettings } | { ok: false; refusal: LoginRefusal } {
  const read = readOidcSettings(c.env);
  if (read.kind === 'on') return { ok: true, settings: read.settings };
  const off = notLoggedIn('There is no provider to log in at; log in with an API token.');
  return { ok: false, refusal: read.kind === 'off' ? off : misconfigured(read.why) };
}

const refuse = (c: Context<Ui>, next: string, { message, status }: LoginRefusal) =>
  show(c, <LoginPage next={next} refusal={message} provider={providerOn(c)} />, status as 401);

function checksOf(cookie: string | undefined) {
  try {
    const read = keptChecks.safeParse(JSON.parse(cookie ?? ''));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
