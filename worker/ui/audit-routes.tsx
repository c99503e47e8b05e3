import type { Context } from 'hono';
import { auditExportQuery, auditQuery } from '../../schema/api/access.ts';
import { everyItem, type Page } from './call.ts';
import { type Kit, show } from './kit.ts';
import { AuditPage } from './pages/audit.tsx';
import { can, type Ui } from './session.ts';
import { only } from './stack-routes.tsx';
import type { AuditView, HostView, TokenView } from './views.ts';

/** The audit and its download. It needs `admin`, as in the API. */
export function auditPages({ ui, api }: Kit): void {
  ui.get('/audit', async (c) => {
    const session = c.get('session');
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(auditQuery.shape), ...days);
    if (!can(session, 'admin')) return show(c, <AuditPage session={session} page={null} query={query} />);
    const [page, tokens, hosts] = await Promise.all([
      api(c).get<Page<AuditView>>(`/audit?${asked(query)}`),
      // To choose from; of more than a page may ask for, none.
      everyItem<TokenView>(api(c), '/tokens').catch(() => []),
      everyItem<HostView>(api(c), '/hosts').catch(() => []),
    ]);
    return show(c, <AuditPage session={session} {...{ page, tokens, hosts, query }} />);
  });

  ui.get('/audit/export', async (c: Context<Ui>) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(auditExportQuery.shape), ...days);
    const answer = await api(c).raw('GET', `/audit/export?${asked(query)}`);
    const kept = ['content-type', 'content-disposition'].map((name) => [name, answer.headers.get(name) ?? '']);
    return new Response(answer.body, { headers: Object.fromEntries(kept) });
  });
}

/** Fields of the form: whole days in UTC, the last one included. */
const days = ['from', 'to'];
const dayMs = 86_400_000;

/** What the API is asked for the fields of the form. A day that is none goes on as it is, and is refused there. */
function asked(query: URLSearchParams): URLSearchParams {
  const api = new URLSearchParams(query);
  for (const [day, name, ms] of [
    ['from', 'since', 0],
    ['to', 'until', dayMs],
  ] as const) {
    const given = api.get(day);
    api.delete(day);
    if (given === null) continue;
    const at = Date.parse(`${given}T00:00:00Z`) + ms;
    api.set(name, Number.isNaN(at) ? given : new Date(at).toISOString());
  }
  return api;
}
