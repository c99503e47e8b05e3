import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page } from '../../schema/api/common.ts';
import { abortRequest, drainPlanView, drainRequest, drainsQuery, drainView } from '../../schema/api/drains.ts';
import { hostView } from '../../schema/api/nodes.ts';
import type { Authed } from '../auth/authed.ts';
import { drainOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import type { HostDrain } from '../objects/host-drain/host-drain.ts';
import { survey } from '../objects/host-drain/plan-drain.ts';
import { Problem } from '../problem.ts';
import type { DrainActOutcome } from '../saga/drain/coordinator.ts';
import { cordon, uncordon } from '../store/cordon.ts';
import { hostNames, listDrains } from '../store/drain-list.ts';
import { loadDrain } from '../store/drain-store.ts';
import { viewDrain, viewPlan } from '../views/drain-view.ts';
import { viewHost } from '../views/node-view.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, body, guarded, guardedBody, located, refuses } from './define.ts';
import { checkTargets, hostToDrain, stacksToDrain, startDrain } from './drain-start.ts';

const tags = ['drains'];
const params = z.object({ id: objectId });

const drain = createRoute({
  method: 'post',
  path: '/api/v1/hosts/{id}/drain',
  tags,
  operationId: 'drainHost',
  summary: 'Drain a host: move all its stacks, or only plan it',
  description:
    'With `dry_run`: 200 with the plan, and nothing is changed. Without: the host is cordoned, and its stacks are moved one by one, each by an ordinary migration to the target that has the most room left at that time, or the least with `pack`. A stack that cannot be moved stays where it is, and the drain continues.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'same_host', 'host_cordoned', 'host_busy', 'drain_running', 'no_target'),
  request: { params, body: body(drainRequest) },
  responses: {
    200: answers(drainPlanView, 'The plan; nothing was changed.'),
    202: located(drainView, 'Started; follow `Location`.'),
  },
});

const list = createRoute({
  method: 'get',
  path: '/api/v1/drains',
  tags,
  operationId: 'listDrains',
  summary: 'List drains, newest first',
  description: 'Each with its stacks and their results.',
  ...guarded('read'),
  request: { query: drainsQuery },
  responses: { 200: answers(page(drainView), 'A page.') },
});

const show = createRoute({
  method: 'get',
  path: '/api/v1/drains/{id}',
  tags,
  operationId: 'showDrain',
  summary: 'Show a drain: what moved where, what stayed and why',
  description: 'The live progress of a moving stack is in its migration.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params },
  responses: { 200: answers(drainView, 'The drain.') },
});

const act = (name: 'pause' | 'resume', summary: string, description: string) =>
  createRoute({
    method: 'post',
    path: `/api/v1/drains/{id}/${name}`,
    tags,
    operationId: `${name}Drain`,
    summary,
    description,
    ...guarded('migrate'),
    ...refuses('not_found', 'drain_ended'),
    request: { params },
    responses: { 202: answers(drainView, 'The drain.') },
  });
const pause = act('pause', 'Pause a drain: no more migrations are started', 'Running migrations continue.');
const resume = act('resume', 'Resume a paused drain', 'The target of each stack is chosen again at its turn.');

const abort = createRoute({
  method: 'post',
  path: '/api/v1/drains/{id}/abort',
  tags,
  operationId: 'abortDrain',
  summary: 'Abort a drain: stacks that have not moved stay',
  description: 'Running migrations finish, or are cancelled with `cancel_running`. The host stays cordoned.',
  ...guardedBody('migrate'),
  ...refuses('not_found', 'drain_ended'),
  request: { params, body: body(abortRequest) },
  responses: { 202: answers(drainView, 'Abort accepted.') },
});

const gate = (name: 'cordon' | 'uncordon', summary: string, description: string) =>
  createRoute({
    method: 'post',
    path: `/api/v1/hosts/{id}/${name}`,
    tags: ['hosts'],
    operationId: `${name}Host`,
    summary,
    description,
    ...guarded('migrate'),
    ...refuses('not_found', ...(name === 'uncordon' ? (['drain_running'] as const) : [])),
    request: { params },
    responses: { 200: answers(hostView, 'The host.') },
  });
const close = gate('cordon', 'Close a host: no migration may target it', 'Migrations already under way still arrive.');
const open = gate('uncordon', 'Reopen a host to migrations', 'Refused while the host is being drained.');

export function drainRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(drain, async (c) => {
    const request = c.req.valid('json');
    const host = await hostToDrain(c.env, c.req.valid('param').id);
    await checkTargets(c.env, host, request);
    const { moving, left } = await stacksToDrain(c.env, host, request);
    if (request.dry_run) {
      const inputs = { ...request, host: host.id, target: request.target_host_id ?? null };
      const found = await survey(c.env, inputs, moving);
      return c.json(viewPlan(host.id, found, left, await hostNames(c.env.DB), Date.now()), 200);
    }
    const id = await startDrain(c.env, host, moving, request, c.get('token').id);
    c.header('location', `/api/v1/drains/${id}`);
    return c.json(await showDrain(c.env, id), 202);
  });

  app.openapi(list, async (c) => {
    const { cursor, limit, ...filter } = c.req.valid('query');
    const rows = await listDrains(c.env.DB, filter, decodeCursor(cursor, 1)?.[0] ?? null, limit);
    const { items, next_cursor } = pageOf(rows, limit, ({ id }) => [id]);
    const names = await hostNames(c.env.DB);
    return c.json({ items: items.map((row) => viewDrain(row, names)), next_cursor }, 200);
  });

  app.openapi(show, async (c) => c.json(await showDrain(c.env, c.req.valid('param').id), 200));

  for (const [route, name] of [
    [pause, 'pause'],
    [resume, 'resume'],
  ] as const)
    app.openapi(route, async (c) => {
      const { id } = c.req.valid('param');
      return c.json(await accepted(c.env, id, (object) => object[name](id)), 202);
    });

  app.openapi(abort, async (c) => {
    const { id } = c.req.valid('param');
    const { cancel_running } = c.req.valid('json');
    return c.json(await accepted(c.env, id, (object) => object.abort(id, cancel_running)), 202);
  });

  app.openapi(close, async (c) => {
    const { id } = await hostToDrain(c.env, c.req.valid('param').id);
    await cordon(c.env.DB, id, Date.now());
    return c.json(await viewHost(c.env, await hostToDrain(c.env, id)), 200);
  });

  app.openapi(open, async (c) => {
    const { id, name } = await hostToDrain(c.env, c.req.valid('param').id);
    if (!(await uncordon(c.env.DB, id)))
      throw new Problem('drain_running', `"${name}" is being drained; abort the drain or wait for its end.`);
    return c.json(await viewHost(c.env, await hostToDrain(c.env, id)), 200);
  });
}

async function accepted(
  env: Env,
  id: string,
  act: (drain: Pick<HostDrain, 'pause' | 'resume' | 'abort'>) => Promise<DrainActOutcome>,
) {
  if (!(await loadDrain(env.DB, id))) throw absent();
  const outcome = await act(drainOf(env, id));
  if (outcome.kind === 'unknown') throw absent();
  if (outcome.kind === 'refused') throw new Problem(outcome.code, outcome.message);
  return showDrain(env, id);
}

async function showDrain(env: Env, id: string) {
  const row = await loadDrain(env.DB, id);
  if (!row) throw absent();
  return viewDrain(row, await hostNames(env.DB));
}

const absent = () => new Problem('not_found', 'There is no such drain.');
