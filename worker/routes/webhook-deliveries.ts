import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page } from '../../schema/api/common.ts';
import { deliveriesQuery, deliveryView, replayed } from '../../schema/api/webhooks.ts';
import type { Authed } from '../auth/authed.ts';
import type { DeliveryId, Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { listDeliveries, loadDelivery, replayDead, replayDelivery } from '../store/deliveries.ts';
import { insertTestEvent } from '../store/outbox.ts';
import { viewDelivery } from '../views/webhook-view.ts';
import { queueDeliveries, queueDue } from '../webhooks/dispatch.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, guarded, refuses } from './define.ts';
import { endpoint } from './webhook-endpoint.ts';

const path = '/api/v1/webhooks/{id}';
const tags = ['webhooks'];
const params = z.object({ id: objectId });
const oneParams = params.extend({ event_id: objectId });

const list = createRoute({
  method: 'get',
  path: `${path}/deliveries`,
  tags,
  operationId: 'listDeliveries',
  summary: "List an endpoint's deliveries and the last answer to each, newest event first",
  description: '`status=dead` lists those that failed after the last try.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params, query: deliveriesQuery },
  responses: { 200: answers(page(deliveryView), 'A page.') },
});

const show = createRoute({
  method: 'get',
  path: `${path}/deliveries/{event_id}`,
  tags,
  operationId: 'showDelivery',
  summary: 'Show the delivery of one event',
  description: 'The number of tries, the last answer, and the time of the next try.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params: oneParams },
  responses: { 200: answers(deliveryView, 'The delivery.') },
});

const test = createRoute({
  method: 'post',
  path: `${path}/test`,
  tags,
  operationId: 'testWebhook',
  summary: 'Send a `webhook.test` to an endpoint',
  description: 'Independent of the events that the endpoint subscribes to.',
  ...guarded('admin'),
  ...refuses('not_found', 'webhook_disabled'),
  request: { params },
  responses: { 202: answers(deliveryView, 'Queued; see its delivery.') },
});

const replayOne = createRoute({
  method: 'post',
  path: `${path}/deliveries/{event_id}/replay`,
  tags,
  operationId: 'replayDelivery',
  summary: 'Send an event again under its id, whatever its status',
  description: 'Receivers recognise a repeated event by its `webhook-id`.',
  ...guarded('admin'),
  ...refuses('not_found', 'webhook_disabled'),
  request: { params: oneParams },
  responses: { 202: answers(deliveryView, 'Queued.') },
});

const replayAll = createRoute({
  method: 'post',
  path: `${path}/replay`,
  tags,
  operationId: 'replayDeadLetters',
  summary: 'Send all dead letters of an endpoint again',
  description: 'After an outage of the receiver that lasted longer than the retries.',
  ...guarded('admin'),
  ...refuses('not_found', 'webhook_disabled'),
  request: { params },
  responses: { 202: answers(replayed, 'The number of queued deliveries.') },
});

export function webhookDeliveryRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(list, async (c) => {
    const { id } = c.req.valid('param');
    const { cursor, limit, status } = c.req.valid('query');
    await endpoint(c.env, id);
    const rows = await listDeliveries(c.env.DB, id, status, decodeCursor(cursor, 1)?.[0] ?? null, limit);
    const { items, next_cursor } = pageOf(rows, limit, ({ delivery }) => [delivery.event_id]);
    return c.json({ items: items.map(viewDelivery), next_cursor }, 200);
  });

  app.openapi(show, async (c) => c.json(await delivery(c.env, idOf(c.req.valid('param'))), 200));

  app.openapi(test, async (c) => {
    const { id } = c.req.valid('param');
    await enabled(c.env, id);
    const event_id = await insertTestEvent(c.env.DB, id, Date.now());
    const sent = { endpoint_id: id, event_id };
    await queueDeliveries(c.env, [sent]);
    return c.json(await delivery(c.env, sent), 202);
  });

  app.openapi(replayOne, async (c) => {
    const id = idOf(c.req.valid('param'));
    await enabled(c.env, id.endpoint_id);
    await delivery(c.env, id);
    await replayDelivery(c.env.DB, id, Date.now());
    await queueDeliveries(c.env, [id]);
    return c.json(await delivery(c.env, id), 202);
  });

  app.openapi(replayAll, async (c) => {
    const { id } = c.req.valid('param');
    await enabled(c.env, id);
    const now = Date.now();
    const number = await replayDead(c.env.DB, id, now);
    if (number > 0) await queueDue(c.env, now);
    return c.json({ replayed: number }, 202);
  });
}

const idOf = ({ id, event_id }: { id: string; event_id: string }): DeliveryId => ({ endpoint_id: id, event_id });

async function delivery(env: Env, id: DeliveryId) {
  const row = await loadDelivery(env.DB, id);
  if (!row) throw new Problem('not_found', 'This endpoint has no delivery of that event, or it has expired.');
  return viewDelivery(row);
}

async function enabled(env: Env, id: string): Promise<void> {
  if ((await endpoint(env, id)).disabled_at === null) return;
  throw new Problem(
    'webhook_disabled',
    'The endpoint is disabled; enable it first: PATCH it with {"disabled": false}.',
  );
}
