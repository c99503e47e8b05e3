import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { requestKinds } from '../../schema/agent-protocol.ts';
import { objectId } from '../../schema/api/common.ts';
import { migrationView, type TrafficView, trafficView } from '../../schema/api/migrations.ts';
import { takesConnections } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import { connectionOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { loadMigration } from '../store/migration-store.ts';
import { answers, guarded, refuses } from './define.ts';
import { absent, accepted, showMigration } from './migrations.ts';

const tags = ['migrations'];
const params = z.object({ id: objectId });

const end = createRoute({
  method: 'delete',
  path: '/api/v1/migrations/{id}/forwarding',
  tags,
  operationId: 'endForwarding',
  summary: 'Stop forwarding connections from the source to the target',
  description:
    'Later connections to the old address are refused. It can’t be started again, and ends by itself with the safety window.',
  ...guarded('migrate'),
  ...refuses('not_found', 'not_forwarding'),
  request: { params },
  responses: { 202: answers(migrationView, 'Accepted; the source removes its rules.') },
});

const traffic = createRoute({
  method: 'get',
  path: '/api/v1/migrations/{id}/traffic',
  tags,
  operationId: 'showTraffic',
  summary: 'Show which connections still come to the old address',
  description: 'The source is asked. Client addresses are in the answer alone: nothing stores them.',
  ...guarded('read'),
  ...refuses('not_found', 'not_forwarding', 'host_offline', 'command_timeout'),
  request: { params },
  responses: { 200: answers(trafficView, 'What the source has counted.') },
});

export function forwardingRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(end, async (c) => {
    const { id } = c.req.valid('param');
    await accepted(c.env, id, (stack) => stack.endForwarding(id, c.get('requestId')));
    return c.json(await showMigration(c.env, id), 202);
  });

  app.openapi(traffic, async (c) => c.json(await askTraffic(c.env, c.req.valid('param').id), 200));
}

async function askTraffic(env: Env, id: string): Promise<TrafficView> {
  const row = await loadMigration(env.DB, id);
  if (!row) throw absent();
  const nothing = new Problem(
    'not_forwarding',
    'Its source takes no connections for it: not yet, no longer, or never.',
  );
  if (!takesConnections(row.saga.forwarding)) throw nothing;
  const outcome = await connectionOf(env, row.source_host_id).request(
    'traffic',
    { migration_id: id },
    limits.control.requestMsMax,
  );
  if (!outcome.ok) throw new Problem(outcome.error.code, outcome.error.message);
  const answer = requestKinds.traffic.answer.safeParse(outcome.data);
  if (!answer.success || !answer.data.traffic) throw nothing;
  return answer.data.traffic;
}
