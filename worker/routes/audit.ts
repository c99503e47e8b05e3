import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { auditQuery, auditView, page } from '../../schema/api.ts';
import type { Authed } from '../auth/bearer.ts';
import { type AuditRow, listAudit } from '../store/audit.ts';
import { time } from '../views/time.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, guarded } from './define.ts';
import { Problem } from './problem.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  tags: ['audit'],
  operationId: 'listAudit',
  summary: 'Who did what, newest first; refused acts with their code',
  description:
    'Everything but reading, and reading a secret or logging in: by whom, from where, on what, and how it was answered.',
  ...guarded('admin'),
  request: { query: auditQuery },
  responses: { 200: answers(page(auditView), 'A page.') },
});

export function auditRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, ...filter } = c.req.valid('query');
    const rows = await listAudit(c.env.DB, filter, before(cursor), limit);
    const { items, next_cursor } = pageOf(rows, limit, ({ id }) => [String(id)]);
    return c.json({ items: items.map(view), next_cursor }, 200);
  });
}

function before(cursor: string | undefined): number | null {
  const [key] = decodeCursor(cursor, 1) ?? [];
  if (key === undefined) return null;
  if (!/^\d{1,15}$/.test(key)) throw new Problem('invalid_cursor', 'Use "next_cursor" of the page before, as it is.');
  return Number(key);
}

function view({ actor_kind, actor_id, actor_name, at, ...row }: AuditRow): z.infer<typeof auditView> {
  return { ...row, at: time(at), actor: { kind: actor_kind, id: actor_id, name: actor_name } };
}
