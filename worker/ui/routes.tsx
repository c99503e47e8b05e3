import type { OpenAPIHono } from '@hono/zod-openapi';
import { type Context, Hono } from 'hono';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { problemResponse } from '../problem.ts';
import { countAttention } from '../store/migration-list.ts';
import { auditPages } from './audit-routes.tsx';
import { apiWith, type ProblemBody } from './call.ts';
import { drainPages } from './drain-routes.tsx';
import { sameOrigin } from './forms.ts';
import { hostPages } from './host-routes.tsx';
import { type Kit, problemOf, show } from './kit.ts';
import { loginPages } from './login.tsx';
import { migrationPages } from './migration-routes.tsx';
import { MessagePage } from './pages/message.tsx';
import { home, toLogin, type Ui, withSession } from './session.ts';
import { stackPages } from './stack-routes.tsx';
import { tokenPages } from './token-routes.tsx';
import { webhookPages } from './webhook-routes.tsx';

/** Pages load only this origin's files: `worker/ui/client`, copied by `cli/build/static-files.ts`. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const pageHeaders = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  // Forms must send their origin, but other sites get no referrer.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** The web UI below `/ui`: see "The web UI" in ARCHITECTURE.md. */
export function uiRoutes(app: OpenAPIHono<Authed>): void {
  const ui = new Hono<Ui>();
  const fetch = (request: Request, env: Env, context: ExecutionContext) => app.fetch(request, env, context);
  ui.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(pageHeaders)) c.header(name, value);
  });
  ui.use(sameOrigin);
  ui.onError(refused);
  const kit: Kit = { ui, api: (c) => apiWith(fetch, c, c.get('session').token) };

  loginPages(ui, (c, token) => apiWith(fetch, c, token));
  ui.use(withSession);
  ui.use(async (c, next) => {
    // Never keeps a page from being shown.
    if (c.req.header('accept')?.includes('text/html'))
      c.get('session').attention = await countAttention(c.env.DB, limits.ui.attentionMax).catch(() => 0);
    return next();
  });
  ui.get('/', (c) => c.redirect(home, 303));
  stackPages(kit);
  migrationPages(kit);
  hostPages(kit);
  drainPages(kit);
  webhookPages(kit);
  tokenPages(kit);
  auditPages(kit);

  app.route('/ui', ui);
  app.get('/', (c) => c.redirect('/ui', 303));
}

/** The 404 page for browsers. Returns null for other clients. */
export function missingPage(c: Context<Authed>): Response | Promise<Response> | null {
  if (c.req.path.startsWith('/api/') || !c.req.header('accept')?.includes('text/html')) return null;
  for (const [name, value] of Object.entries(pageHeaders)) c.header(name, value);
  return show(
    c as unknown as Context<Ui>,
    <MessagePage title="Not found" text="There is nothing at this address." />,
    404,
  );
}

/** The error page for problems that no page handled itself. */
async function refused(error: Error, c: Context<Ui>): Promise<Response> {
  const problem = (await problemOf(error)) ?? (await fault(error, c));
  if (problem.code === 'unauthorized') return toLogin(c, true);
  const page = <MessagePage title={problem.title} session={c.get('session') ?? null} problem={problem} />;
  return show(c, page, problem.status as 400);
}

async function fault(error: Error, c: Context<Ui>): Promise<ProblemBody> {
  const requestId = crypto.randomUUID();
  log.error('a page failed', { request_id: requestId, path: c.req.path, error });
  const detail = `Internal error. The log of the control plane has the details under "${requestId}".`;
  return problemResponse('internal', detail).json();
}
