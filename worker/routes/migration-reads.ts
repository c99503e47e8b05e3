import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page } from '../../schema/api/common.ts';
import { migrationQuery, migrationsQuery, migrationView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Authed } from '../auth/authed.ts';
import type { Env } from '../env.ts';
import { listMigrations, migrationOrder } from '../store/migration-list.ts';
import { loadMigration } from '../store/migration-store.ts';
import { surroundingsOf } from '../store/migration-surroundings.ts';
import { keyOf, partsOf } from '../store/sorted.ts';
import { viewMigration } from '../views/migration-view.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, guarded, refuses } from './define.ts';
import { nextCommit } from './event-stream.ts';
import { showMigration } from './migrations.ts';

const tags = ['migrations'];

const list = createRoute({
  method: 'get',
  path: '/api/v1/migrations',
  tags,
  operationId: 'listMigrations',
  summary: 'List migrations, newest first unless sorted otherwise, without their progress',
  description:
    'Filters are combined. `cleanup_due=true` lists those whose kept source is due for deletion. Reports are left out unless ' +
    '`expand=report` asks for them.',
  ...guarded('read'),
  request: { query: migrationsQuery },
  responses: { 200: answers(page(migrationView), 'A page.') },
});

const show = createRoute({
  method: 'get',
  path: '/api/v1/migrations/{id}',
  tags,
  operationId: 'showMigration',
  summary: 'Show a migration with its live progress; with `wait`, at its end',
  description:
    'Its steps with their times, its report, its failure, pending work of its hosts, and its safety window. With `wait` the answer ' +
    'comes when the migration has ended, or after that many seconds: `ended_at` says which.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params: z.object({ id: objectId }), query: migrationQuery },
  responses: { 200: answers(migrationView, 'The migration.') },
});

export function migrationReadRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, sort, order: direction, expand, ...filter } = c.req.valid('query');
    const order = migrationOrder(sort, direction);
    const paging = { order, after: decodeCursor(cursor, partsOf(order)), limit, reports: expand === 'report' };
    const found = await listMigrations(c.env.DB, filter, paging, Date.now());
    const { items: listed, next_cursor } = pageOf(found, limit, ({ row, sort_key }) => keyOf(order, sort_key, row.id));
    const items = listed.map(({ row }) => row);
    const around = await surroundingsOf(c.env.DB, items);
    return c.json(
      { items: items.map((row) => ({ ...viewMigration(row, around, null), receipt: null })), next_cursor },
      200,
    );
  });

  app.openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    await untilEnded(c.env, id, Date.now() + c.req.valid('query').wait * 1000);
    return c.json(await showMigration(c.env, id), 200);
  });
}

/** Resolves when the migration has ended or is not there, else at `giveUpAt`. */
async function untilEnded(env: Env, id: string, giveUpAt: number): Promise<void> {
  for (let leftMs = giveUpAt - Date.now(); leftMs > 0; leftMs = giveUpAt - Date.now()) {
    const row = await loadMigration(env.DB, id);
    if (!row || isTerminal(row.status)) return;
    await nextCommit(env, row, Math.min(leftMs, limits.api.waitPollMs));
  }
}
