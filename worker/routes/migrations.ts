import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId } from '../../schema/api/common.ts';
import {
  changeMigration,
  cutoverRequest,
  type MigrationView,
  migrationView,
  resolveRequest,
  retryRequest,
} from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Authed } from '../auth/authed.ts';
import { connectionOf, migrationsOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { Problem } from '../problem.ts';
import type { ActOutcome } from '../saga/migration/operator-acts.ts';
import { loadMigration, setBandwidthLimit } from '../store/migration-store.ts';
import { surroundingsOf } from '../store/migration-surroundings.ts';
import { viewMigration } from '../views/migration-view.ts';
import { answers, body, guarded, guardedBody, refuses } from './define.ts';
import { timeAhead } from './time-ahead.ts';

const tags = ['migrations'];
const params = z.object({ id: objectId });

const change = createRoute({
  method: 'patch',
  path: '/api/v1/migrations/{id}',
  tags,
  operationId: 'changeMigration',
  summary: 'Change how many bytes per second a running migration may send',
  description: 'Takes effect at once if the source is connected, else with its next connection to the target.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'migration_ended'),
  request: { params, body: body(changeMigration) },
  responses: { 200: answers(migrationView, 'The changed migration.') },
});

const act = (
  name: 'cancel' | 'rollback',
  words: { summary: string; description: string; answer: string },
  ...refused: Parameters<typeof refuses>
) =>
  createRoute({
    method: 'post',
    path: `/api/v1/migrations/{id}/${name}`,
    tags,
    operationId: `${name}Migration`,
    summary: words.summary,
    description: words.description,
    ...guarded('migrate'),
    ...refuses('not_found', ...refused),
    request: { params },
    responses: { 202: answers(migrationView, words.answer) },
  });
const cancel = act(
  'cancel',
  {
    summary: 'Cancel a migration: the stack stays on its source',
    description:
      'The target is stopped and cleaned up, the source started as before. Follow it until it is `cancelled`.',
    answer: 'Cancellation accepted.',
  },
  ...(['migration_ended', 'nothing_to_cancel'] as const),
);
const rollback = act(
  'rollback',
  {
    summary: 'Roll back a completed migration while its safety window is open; what changed since stays on the target',
    description:
      '`rollback.hours_left_behind` says how many hours of changes stay there. Follow it until `rolled_back`.',
    answer: 'Rollback accepted.',
  },
  ...(['migration_not_completed', 'source_purged', 'window_closed', 'target_unreachable'] as const),
  ...(['host_offline', 'host_deleted', 'migration_superseded', 'migration_running'] as const),
);

const cutover = createRoute({
  method: 'post',
  path: '/api/v1/migrations/{id}/cutover',
  tags,
  operationId: 'cutoverMigration',
  summary: 'Cut over a migration that is holding: now, or at a given time',
  description:
    'One more pass, then the stack stops on the source and the migration goes on to its end. With `at` it does so by itself at that ' +
    'time. Refused while the running stack differs from the one that was checked: `hold.changes`. Can be repeated.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'not_holding', 'stack_changed'),
  request: { params, body: body(cutoverRequest) },
  responses: { 202: answers(migrationView, 'Cutover accepted.') },
});

const retry = createRoute({
  method: 'post',
  path: '/api/v1/migrations/{id}/retry',
  tags,
  operationId: 'retryMigration',
  summary: 'Retry at once, after the cause was fixed',
  description: 'For `needs_attention`, and for pending work of an ended migration. `attention` says what to fix.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'nothing_to_retry'),
  request: { params, body: body(retryRequest) },
  responses: { 202: answers(migrationView, 'Retry accepted.') },
});

const resolve = createRoute({
  method: 'post',
  path: '/api/v1/migrations/{id}/resolve',
  tags,
  operationId: 'resolveMigration',
  summary: 'Resolve a migration that would wait forever',
  description:
    'For `needs_attention`, and for a stack whose new host is lost while its old copy is kept. With `source_lost` or `target_lost` ' +
    'you confirm that this host will never run its copy again: the other copy is started and verified. `give_up` ends the ' +
    'migration as it is. `attention.resolutions` lists what is possible now. A host that answers is not lost: 409.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'nothing_to_resolve', 'host_not_lost', 'migration_running', 'migration_superseded'),
  request: { params, body: body(resolveRequest) },
  responses: { 202: answers(migrationView, 'Resolution accepted.') },
});

export function migrationRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(change, async (c) => {
    const { id } = c.req.valid('param');
    const { bandwidth_limit } = c.req.valid('json');
    await limitBandwidth(c.env, id, bandwidth_limit);
    return c.json(await showMigration(c.env, id), 200);
  });

  app.openapi(cancel, async (c) => {
    const { id } = c.req.valid('param');
    await accepted(c.env, id, (stack) => stack.cancel(id, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });

  app.openapi(rollback, async (c) => {
    const { id } = c.req.valid('param');
    await accepted(c.env, id, (stack) => stack.rollback(id, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });

  app.openapi(cutover, async (c) => {
    const { id } = c.req.valid('param');
    const at = timeAhead('at', c.req.valid('json').at, Date.now());
    await accepted(c.env, id, (stack) => stack.cutover(id, at, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });

  app.openapi(retry, async (c) => {
    const { id } = c.req.valid('param');
    const { stopped } = c.req.valid('json');
    await accepted(c.env, id, (stack) => stack.retry(id, stopped, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });

  app.openapi(resolve, async (c) => {
    const { id } = c.req.valid('param');
    const { resolution } = c.req.valid('json');
    await accepted(c.env, id, (stack) => stack.resolve(id, resolution, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });
}

/** Resolves if the stack's object accepted the act; else throws its refusal. */
export async function accepted(
  env: Env,
  id: string,
  act: (stack: ReturnType<typeof migrationsOf>) => Promise<ActOutcome>,
): Promise<void> {
  const row = await loadMigration(env.DB, id);
  if (!row) throw absent();
  const outcome = await act(migrationsOf(env, row.stack_id));
  if (outcome.kind === 'unknown') throw absent();
  if (outcome.kind === 'refused') throw new Problem(outcome.code, outcome.message);
}

/** Stored first, so a new connection uses it. A source that cannot be reached gets it with its next connection. */
async function limitBandwidth(env: Env, id: string, bytes_per_s: number | null): Promise<void> {
  const row = await loadMigration(env.DB, id);
  if (!row) throw absent();
  if (isTerminal(row.status))
    throw new Problem('migration_ended', 'The migration has ended and no longer sends anything.');
  await setBandwidthLimit(env.DB, id, bytes_per_s);
  await connectionOf(env, row.source_host_id)
    .request('limit_bandwidth', { migration_id: id, bytes_per_s }, limits.control.requestMsMax)
    .catch((error: unknown) => log.warn('the source hears of its bandwidth later', { migration: id, error }));
}

/** Throws 404 if there is none. Omits the progress if the stack's object does not answer. */
export async function showMigration(env: Env, id: string): Promise<MigrationView> {
  const row = await loadMigration(env.DB, id);
  if (!row) throw absent();
  const progress = isTerminal(row.status)
    ? null
    : await migrationsOf(env, row.stack_id)
        .progressOf(id)
        .catch(() => null);
  return viewMigration(row, await surroundingsOf(env.DB, [row]), progress);
}

export function absent(): Problem {
  return new Problem('not_found', 'There is no such migration.');
}
