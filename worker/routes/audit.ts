import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type AuditEntry, auditExportQuery, auditQuery, auditView } from '../../schema/api/access.ts';
import { page } from '../../schema/api/common.ts';
import { auditLines } from '../../schema/audit-text.ts';
import type { Authed } from '../auth/authed.ts';
import type { AuditRow } from '../store/audit.ts';
import { listAudit } from '../store/audit-list.ts';
import { time } from '../time.ts';
import { decodeNumber, encodeCursor } from './cursor.ts';
import { answers, guarded } from './define.ts';

const path = '/api/v1/audit';
const tags = ['audit'];

const list = createRoute({
  method: 'get',
  path,
  tags,
  operationId: 'listAudit',
  summary: 'Who did what, newest first; refused acts with their code',
  description:
    'Every change, every read of a secret and every login: by whom, from where, on what, and with which result. Filters are combined. With ' +
    '`kind`, `host` or `stack` a page may be short, or empty, and have a `next_cursor`: go on with it.',
  ...guarded('admin'),
  request: { query: auditQuery },
  responses: { 200: answers(page(auditView), 'A page.') },
});

const types = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;

const exporting = createRoute({
  method: 'get',
  path: `${path}/export`,
  tags,
  operationId: 'exportAudit',
  summary: 'The same as a file, newest first: NDJSON, or CSV',
  description:
    'In parts of bounded size: as long as an answer has `X-Next-Before`, there are older entries; ask for them with `before`. Only the first ' +
    'part of a CSV has the head.',
  ...guarded('admin'),
  request: { query: auditExportQuery },
  responses: {
    200: {
      description: 'A part.',
      headers: { 'X-Next-Before': { $ref: '#/components/headers/X-Next-Before' } },
      content: { [types.ndjson]: { schema: z.string() }, [types.csv]: { schema: z.string() } },
    },
  },
});

export function auditRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, ...filter } = c.req.valid('query');
    const { rows, next } = await listAudit(c.env.DB, timed(filter), decodeNumber(cursor), limit);
    const next_cursor = next === null ? null : encodeCursor([String(next)]);
    return c.json({ items: rows.map(view), next_cursor }, 200);
  });

  app.openapi(exporting, async (c) => {
    const { format, before, limit, ...filter } = c.req.valid('query');
    const { rows, next } = await listAudit(c.env.DB, timed(filter), before ?? null, limit);
    const lines = auditLines(format, rows.map(view), before === undefined);
    return new Response(lines.map((line) => `${line}\n`).join(''), {
      headers: {
        'content-type': `${types[format]}; charset=utf-8`,
        'content-disposition': `attachment; filename="stackferry-audit.${format}"`,
        'cache-control': 'no-store',
        ...(next === null ? {} : { 'x-next-before': String(next) }),
      },
    });
  });
}

const timed = <T extends { since?: string | undefined; until?: string | undefined }>(filter: T) => ({
  ...filter,
  since: filter.since === undefined ? undefined : Date.parse(filter.since),
  until: filter.until === undefined ? undefined : Date.parse(filter.until),
});

function view({ actor_kind, actor_id, actor_name, at, ...row }: AuditRow): AuditEntry {
  const { id, request_id, act, objects, status, code, address } = row;
  const actor = { kind: actor_kind, id: actor_id, name: actor_name };
  return { id, at: time(at), request_id, actor, act, objects, status, code, address };
}
