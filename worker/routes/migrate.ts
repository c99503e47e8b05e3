import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, stackName } from '../../schema/api/common.ts';
import { migrationView } from '../../schema/api/migrations.ts';
import { migrateRequest, preflightRequest } from '../../schema/api/stacks.ts';
import { limits } from '../../schema/limits.ts';
import { verificationOf } from '../../schema/migration-status.ts';
import { report } from '../../schema/preflight-report.ts';
import type { Authed } from '../auth/authed.ts';
import { migrationsOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { runPreflight } from '../objects/stack-migration/preflight.ts';
import { Problem } from '../problem.ts';
import { isPurged, owes, purgeOf, windowMsOf } from '../saga/migration/safety-window.ts';
import type { StartOutcome } from '../saga/migration/start.ts';
import { loadMigration } from '../store/migration-store.ts';
import { noSurroundings } from '../store/migration-surroundings.ts';
import { viewMigration } from '../views/migration-view.ts';
import { acceptedUrl } from '../webhooks/accepted-url.ts';
import { answers, body, guarded, guardedBody, located, refuses } from './define.ts';
import { accepted, showMigration } from './migrations.ts';
import { resolveMigration } from './resolve.ts';
import { timeAhead } from './time-ahead.ts';

const tags = ['stacks'];
const params = z.object({ name: stackName });

const preflight = createRoute({
  method: 'post',
  path: '/api/v1/stacks/{name}/migrate/preflight',
  tags,
  operationId: 'preflight',
  summary: 'Check whether a migration is possible; changes nothing',
  description:
    'Answers 200 with the report, passed or not. Its plan says what moves, how long it takes, and what stays behind.',
  ...guardedBody('read'),
  ...refuses('not_found', 'stack_ambiguous', 'same_host'),
  request: { params, body: body(preflightRequest) },
  responses: { 200: answers(report, 'The report, passed or not.') },
});

const migrate = createRoute({
  method: 'post',
  path: '/api/v1/stacks/{name}/migrate',
  tags,
  operationId: 'migrate',
  summary: 'Move the stack to another host',
  description:
    'The pre-flight is its first step: if a check fails, the answer is 422 with the report and nothing is changed.',
  ...guardedBody('migrate'),
  ...refuses(
    'not_found',
    'stack_ambiguous',
    'same_host',
    'host_cordoned',
    'host_deleted',
    'migration_running',
    'preflight_failed',
    'url_refused',
  ),
  request: { params, body: body(migrateRequest) },
  responses: { 202: located(migrationView, 'Started; follow `Location`.') },
});

const show = createRoute({
  method: 'get',
  path: '/api/v1/stacks/{name}/migrate/{id}',
  tags,
  operationId: 'showStackMigration',
  summary: "Show one of the stack's migrations",
  description: 'Like `/migrations/{id}`, for a migration of this stack.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params: params.extend({ id: objectId }) },
  responses: { 200: answers(migrationView, 'The migration.') },
});

const remove = (side: 'source' | 'target') =>
  createRoute({
    method: 'delete',
    path: `/api/v1/stacks/{name}/migrate/{id}/${side}`,
    tags,
    operationId: side === 'source' ? 'deleteSource' : 'deleteTarget',
    summary:
      side === 'source'
        ? 'Delete what a completed migration kept on its source: containers, volumes, files'
        : 'Delete what a rolled back migration left on its target',
    description: 'Deletes only what the migration recorded. Lists what could not be deleted; the call can be repeated.',
    ...guarded('migrate'),
    ...refuses(
      ...(['not_found', 'host_offline', 'host_deleted', 'migration_superseded', 'purge_incomplete'] as const),
      'command_timeout',
      side === 'source' ? 'migration_not_completed' : 'migration_not_rolled_back',
    ),
    request: { params: params.extend({ id: objectId }) },
    responses: { 204: { description: 'Deleted.' } },
  });

export function migrateRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(preflight, async (c) => {
    const request = c.req.valid('json');
    const { inputs, stack_name } = await resolveMigration(c.env, c.req.valid('param').name, request);
    const { report } = await runPreflight(c.env, inputs, stack_name, null, request.bandwidth_limit ?? null);
    return c.json(report, 200);
  });

  app.openapi(migrate, async (c) => {
    const request = c.req.valid('json');
    const { inputs, stack_name, target } = await resolveMigration(c.env, c.req.valid('param').name, request);
    if (target.cordoned_at !== null)
      throw new Problem('host_cordoned', `"${target.name}" is cordoned: no migration may target it.`);
    const cut_over_at = timeAhead('cut_over_at', request.cut_over_at, Date.now());
    if (cut_over_at !== null && !request.hold)
      throw new Problem(
        'invalid_request',
        'cut_over_at: only a migration that holds can be cut over: add "hold": true.',
      );
    const outcome: StartOutcome = await migrationsOf(c.env, inputs.stack_id).start({
      ...inputs,
      stack_name,
      verify: request.verify ?? verificationOf(request.mode),
      health_timeout_s: request.health_timeout_s,
      bandwidth_limit: request.bandwidth_limit ?? null,
      cut_over_at,
      callback_url:
        request.callback_url === undefined ? null : acceptedUrl(c.env, 'callback_url', request.callback_url),
      requested_by: c.get('token').id,
      trace_id: c.get('requestId'),
      window_ms: windowMsOf(c.env.SAFETY_WINDOW_HOURS),
    });
    if (outcome.kind === 'busy')
      throw new Problem('migration_running', `A migration of "${stack_name}" is running already.`, {
        migration_id: outcome.id,
      });
    if (outcome.kind === 'host_deleted')
      throw new Problem('host_deleted', 'One of the hosts has been deleted meanwhile; nothing was changed.');
    if (outcome.kind === 'refused')
      throw new Problem('preflight_failed', 'The pre-flight failed; nothing was changed.', {
        migration_id: outcome.id,
        report: outcome.report,
      });
    c.header('location', `/api/v1/migrations/${outcome.id}`);
    // The migration has started: answer even if the database cannot be read.
    const view = await showMigration(c.env, outcome.id).catch(() => viewMigration(outcome.row, noSurroundings, null));
    return c.json(view, 202);
  });

  for (const side of ['source', 'target'] as const)
    app.openapi(remove(side), async (c) => {
      const { name, id } = c.req.valid('param');
      if ((await showMigration(c.env, id)).stack.name !== name) throw absentOf(name);
      await accepted(c.env, id, (stack) => stack.purge(id, side, c.get('requestId')));
      await purged(c.env, id, side);
      return c.body(null, 204);
    });

  app.openapi(show, async (c) => {
    const { name, id } = c.req.valid('param');
    const view = await showMigration(c.env, id);
    if (view.stack.name !== name) throw absentOf(name);
    return c.json(view, 200);
  });
}

const absentOf = (name: string) => new Problem('not_found', `"${name}" has no such migration.`);

/**
 * Resolves when all is deleted. Throws with what remains, or that it takes longer; in both cases the call can be
 * repeated.
 */
async function purged(env: Env, id: string, side: 'source' | 'target'): Promise<void> {
  const giveUp = Date.now() + limits.window.purgeWaitMsMax;
  for (;;) {
    const row = await loadMigration(env.DB, id);
    const purge = row && purgeOf(row.saga.window, side);
    if (purge?.host_deleted)
      throw new Problem(
        'host_deleted',
        `The ${side} host was deleted from the fleet before its copy was. If the machine still exists, remove the copy there.`,
      );
    if (row && isPurged(row.saga.window, side)) return;
    if (purge && !owes(row.saga, `purge_${side}`))
      throw new Problem('purge_incomplete', `Not everything could be deleted: ${purge.remaining[0]?.why}`, {
        remaining: purge.remaining,
      });
    if (Date.now() > giveUp)
      throw new Problem('command_timeout', 'The deletion continues; repeat the call to get its result.');
    await new Promise((resolve) => setTimeout(resolve, limits.window.purgePollMs));
  }
}
