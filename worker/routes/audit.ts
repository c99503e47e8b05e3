import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { auditQuery, auditView } from '../../schema/api/access.ts';
import { page } from '../../schema/api/common.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';
import { type AuditRow, listAudit } from '../store/audit.ts';
import { time } from '../time.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, guarded } from './define.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  tags: ['audit'],
  operationId: 'listAudit',
  summary: 'Who did what, newest first; refused acts with their code',
  description:
    'Every change, every read of a secret and every login: by whom, from where, on what, and with which result.',
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
