import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId } from '../../schema/api/common.ts';
import { type DrainCutoverView, drainCutoverView } from '../../schema/api/drains.ts';
import { cutoverRequest } from '../../schema/api/migrations.ts';
import { eachOf } from '../../schema/each-of.ts';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import { migrationsOf } from '../durable-objects.ts';
import { Problem } from '../problem.ts';
import { d1DrainStore, loadDrain } from '../store/drain-store.ts';
import { answers, body, guardedBody, refuses } from './define.ts';
import { timeAhead } from './time-ahead.ts';

const cutover = createRoute({
  method: 'post',
  path: '/api/v1/drains/{id}/cutover',
  tags: ['drains'],
  operationId: 'cutoverDrain',
  summary: 'Cut over every migration of a drain that is holding',
  description:
    'As `/migrations/{id}/cutover` does of each. One that is refused holds on; the others go on. Stacks that are still being copied ' +
    'hold once they are: repeat the call for them.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'not_holding'),
  request: { params: z.object({ id: objectId }), body: body(cutoverRequest) },
  responses: { 202: answers(drainCutoverView, 'What is cut over, and what is not.') },
});

export function drainCutoverRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(cutover, async (c) => {
    const { id } = c.req.valid('param');
    const at = timeAhead('at', c.req.valid('json').at, Date.now());
    if (!(await loadDrain(c.env.DB, id))) throw new Problem('not_found', 'There is no such drain.');
    const holding = (await d1DrainStore(c.env.DB).migrationsOf(id)).filter(({ status }) => status === 'holding');
    if (holding.length === 0) throw new Problem('not_holding', 'None of its migrations is holding.');
    const said: DrainCutoverView = { cut_over: [], refused: [] };
    await eachOf(holding, limits.drain.parallelMax, async (migration) => {
      const outcome = await migrationsOf(c.env, migration.stack_id).cutover(migration.id, at, c.get('requestId'));
      if (outcome.kind === 'accepted') said.cut_over.push(migration.id);
      if (outcome.kind === 'refused')
        said.refused.push({ migration_id: migration.id, code: outcome.code, message: outcome.message });
    });
    return c.json(said, 202);
  });
}
