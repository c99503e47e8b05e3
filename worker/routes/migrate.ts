import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { migrateRequest, migrationView, objectId, preflightRequest, stackName } from '../../schema/api.ts';
import { report } from '../../schema/preflight-report.ts';
import type { Authed } from '../auth/bearer.ts';
import { migrationsOf } from '../hosts/stubs.ts';
import { runPreflight } from '../migration/preflight.ts';
import type { StartOutcome } from '../migration/start.ts';
import { answers, body, guarded, guardedBody, otherwise } from './define.ts';
import { showMigration } from './migrations.ts';
import { Problem } from './problem.ts';
import { resolveMigration } from './resolve.ts';

const tags = ['stacks'];
const params = z.object({ name: stackName });

const preflight = createRoute({
  method: 'post',
  path: '/api/v1/stacks/{name}/migrate/preflight',
  tags,
  summary: 'Find out whether a migration could be done; changes nothing',
  ...guardedBody('read'),
  request: { params, body: body(preflightRequest) },
  responses: { 200: answers(report, 'The report, passed or not.'), ...otherwise },
});

const migrate = createRoute({
  method: 'post',
  path: '/api/v1/stacks/{name}/migrate',
  tags,
  summary: 'Move the stack to another host',
  ...guardedBody('migrate'),
  request: { params, body: body(migrateRequest) },
  responses: { 202: answers(migrationView, 'Started; follow `Location`.'), ...otherwise },
});

const show = createRoute({
  method: 'get',
  path: '/api/v1/stacks/{name}/migrate/{id}',
  tags,
  summary: "Show one of the stack's migrations",
  ...guarded('read'),
  request: { params: params.extend({ id: objectId }) },
  responses: { 200: answers(migrationView, 'The migration.'), ...otherwise },
});

export function migrateRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(preflight, async (c) => {
    const { inputs, stack_name } = await resolveMigration(c.env, c.req.valid('param').name, c.req.valid('json'));
    return c.json((await runPreflight(c.env, inputs, stack_name, null)).report, 200);
  });

  app.openapi(migrate, async (c) => {
    const request = c.req.valid('json');
    const { inputs, stack_name } = await resolveMigration(c.env, c.req.valid('param').name, request);
    const outcome: StartOutcome = await migrationsOf(c.env, inputs.stack_id).start({
      ...inputs,
      stack_name,
      health_timeout_s: request.health_timeout_s,
      callback_url: request.callback_url ?? null,
      requested_by: c.get('token').id,
    });
    if (outcome.kind === 'busy')
      throw new Problem('migration_running', `A migration of "${stack_name}" is running already.`, {
        migration_id: outcome.id,
      });
    if (outcome.kind === 'refused')
      throw new Problem('preflight_failed', 'The pre-flight found that it cannot be done; nothing was touched.', {
        migration_id: outcome.id,
        report: outcome.report,
      });
    c.header('location', `/api/v1/migrations/${outcome.id}`);
    return c.json(await showMigration(c.env, outcome.id), 202);
  });

  app.openapi(show, async (c) => {
    const { name, id } = c.req.valid('param');
    const view = await showMigration(c.env, id);
    if (view.stack.name !== name) throw new Problem('not_found', `"${name}" has no such migration.`);
    return c.json(view, 200);
  });
}
