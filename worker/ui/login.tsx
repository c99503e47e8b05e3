import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import { type Api, Refused } from './call.ts';
import { formOf } from './forms.ts';
import { show } from './kit.ts';
import { LoginPage } from './pages/login.tsx';
import { logIn, logOut, placeOf, type Ui, withSession } from './session.ts';

/** Login by an API token, and logout. `apiOf` asks the API with a token that is not yet anybody's session. */
export function loginPages(ui: Hono<Ui>, apiOf: (c: Context<Ui>, token: string) => Api): void {
  ui.get('/login', (c) => {
    const next = placeOf(c.req.query('next'));
    // A link on another site: the browser keeps the cookie back. Asked for once more from here, it sends it.
    if (c.req.header('sec-fetch-site') === 'cross-site' && !c.req.query('ended'))
      return c.html(html`<!doctype html><title>Stackferry</title><meta http-equiv="refresh" content="0;url=${next}">`);
    return show(c, <LoginPage next={next} ended={c.req.query('ended') === '1'} />);
  });

  ui.post('/login', async (c) => {
    const form = await formOf(c, null);
    const next = placeOf(form.text('next'));
    const token = form.text('token');
    const refusal = /^\S{1,200}$/.test(token) ? await refusalOf(apiOf(c, token)) : tellToken;
    if (refusal) {
      for (const name of ['retry-after'])
        if (refusal.headers?.has(name)) c.header(name, refusal.headers.get(name) ?? '');
      return show(c, <LoginPage next={next} refusal={refusal.message} />, refusal.status as 401);
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

interface Refusal {
  message: string;
  status: number;
  headers?: Headers;
}

const tellToken: Refusal = { message: 'Enter an API token: it begins with "sfy_".', status: 401 };

/** Any request tells whether the API takes the token; guesses count against the address as they do there. */
async function refusalOf(api: Api): Promise<Refusal | null> {
  try {
    await api.get('/stacks?limit=1');
    return null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { message: error.body.detail, status: error.body.status, headers: error.headers };
  }
}
