import type { Context, Hono } from 'hono';
import { clientAddress } from '../auth/client-address.ts';
import { insertAudit } from '../store/audit.ts';
import { hashToken } from '../store/token-format.ts';
import { findToken } from '../store/tokens.ts';
import { type Api, Refused } from './call.ts';
import { formOf } from './forms.ts';
import { show } from './kit.ts';
import { oidcLogin, providerOn, stepTo } from './oidc-login.tsx';
import { LoginPage } from './pages/login.tsx';
import { logIn, logOut, placeOf, type Ui, withSession } from './session.ts';

/** Login with an API token or at a provider, and logout. `apiOf` calls the API with a token that has no session yet. */
export function loginPages(ui: Hono<Ui>, apiOf: (c: Context<Ui>, token: string) => Api): void {
  ui.get('/login', (c) => {
    const next = placeOf(c.req.query('next'));
    // After a link on another site the browser withholds the SameSite cookie. A request from this page sends it.
    if (c.req.header('sec-fetch-site') === 'cross-site' && !c.req.query('ended')) return stepTo(c, next);
    return show(c, <LoginPage next={next} ended={c.req.query('ended') === '1'} provider={providerOn(c)} />);
  });
  oidcLogin(ui);

  ui.post('/login', async (c) => {
    const form = await formOf(c, null);
    const next = placeOf(form.text('next'));
    const token = form.text('token');
    // The secret of a person's session is a credential of the API, but no token to log in with.
    const refusal = /^(?!sfs_)\S{1,200}$/.test(token) ? await refusalOf(apiOf(c, token)) : tellToken;
    await auditLogin(c, token, refusal);
    if (refusal) {
      for (const name of ['retry-after'])
        if (refusal.headers?.has(name)) c.header(name, refusal.headers.get(name) ?? '');
      return show(
        c,
        <LoginPage next={next} refusal={refusal.message} field provider={providerOn(c)} />,
        refusal.status as 401,
      );
    }
    await logIn(c, token);
    return c.redirect(next, 303);
  });

  ui.post('/logout', withSession, async (c) => {
    await formOf(c, c.get('session'));
    await logOut(c);
    return c.redirect('/ui/login', 303);
  });
}

/** Audits the login if the token is stored, valid or not. */
async function auditLogin(c: Context<Ui>, token: string, refusal: Refusal | null): Promise<void> {
  const row = await findToken(c.env.DB, await hashToken(token));
  if (!row) return;
  await insertAudit(c.env.DB, {
    at: Date.now(),
    request_id: crypto.randomUUID(),
    actor: { kind: 'token', id: row.id, name: row.name },
    act: 'POST /ui/login',
    objects: {},
    status: refusal?.status ?? 303,
    code: refusal?.code ?? null,
    address: clientAddress(c),
  });
}

interface Refusal {
  code: string;
  message: string;
  status: number;
  headers?: Headers;
}

const tellToken: Refusal = { code: 'unauthorized', message: 'Enter an API token: it begins with "sfy_".', status: 401 };

/** Any request shows whether the API accepts the token; failures count against the address as in the API. */
async function refusalOf(api: Api): Promise<Refusal | null> {
  try {
    await api.get('/stacks?limit=1');
    return null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { code: error.body.code, message: error.body.detail, status: error.body.status, headers: error.headers };
  }
}
