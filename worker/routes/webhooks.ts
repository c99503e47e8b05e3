import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page } from '../../schema/api/common.ts';
import {
  callbackSecret,
  changeWebhook,
  createWebhook,
  kindIssues,
  rotateWebhook,
  webhooksQuery,
  webhookView,
  webhookWithSecret,
} from '../../schema/api/webhooks.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { shownUrl } from '../../schema/webhook-kinds.ts';
import type { Authed } from '../auth/authed.ts';
import { fleetOf } from '../durable-objects.ts';
import { Problem } from '../problem.ts';
import {
  deleteEndpoint,
  disableEndpoint,
  insertEndpoint,
  listEndpoints,
  rotateSecret,
  updateEndpoint,
} from '../store/webhooks.ts';
import { publicOrigin } from '../views/public-origin.ts';
import { viewWebhook } from '../views/webhook-view.ts';
import { acceptedUrl } from '../webhooks/accepted-url.ts';
import { forgetCredential, keepCredential } from '../webhooks/credentials.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, body, guarded, guardedBody, located, refuses } from './define.ts';
import { absent, endpoint, registered, withSecret } from './webhook-endpoint.ts';

const path = '/api/v1/webhooks';
const tags = ['webhooks'];
const params = z.object({ id: objectId });

const create = createRoute({
  method: 'post',
  path,
  tags,
  operationId: 'createWebhook',
  summary: 'Register an endpoint; its signing secret is shown only in this answer',
  description:
    'Events are signed as the Standard Webhooks specification says, and delivered at least once under one `webhook-id`. Endpoints of other kinds get messages for people instead, in the format of that service.',
  ...guardedBody('admin'),
  ...refuses('url_refused', 'webhook_limit'),
  request: { body: body(createWebhook) },
  responses: { 201: located(webhookWithSecret, 'Registered; the secret is shown only once.') },
});

const list = createRoute({
  method: 'get',
  path,
  tags,
  operationId: 'listWebhooks',
  summary: "List the registered endpoints, oldest first, or a migration's callback",
  description: 'Without their secrets.',
  ...guarded('read'),
  request: { query: webhooksQuery },
  responses: { 200: answers(page(webhookView), 'A page.') },
});

const showCallbackSecret = createRoute({
  method: 'get',
  path: `${path}/callback-secret`,
  tags,
  operationId: 'showCallbackSecret',
  summary: 'Show the secret that signs the callbacks of migrations requested by this token',
  description: 'A `callback_url` has no registration that could show its secret.',
  ...guarded('migrate'),
  responses: { 200: answers(callbackSecret, 'The secret of this token, the same for all its migrations.') },
});

const show = createRoute({
  method: 'get',
  path: `${path}/{id}`,
  tags,
  operationId: 'showWebhook',
  summary: 'Show an endpoint',
  description: "A registered one, or a migration's callback.",
  ...guarded('read'),
  ...refuses('not_found'),
  request: { params },
  responses: { 200: answers(webhookView, 'The endpoint.') },
});

const change = createRoute({
  method: 'patch',
  path: `${path}/{id}`,
  tags,
  operationId: 'changeWebhook',
  summary: 'Change what an endpoint gets and where, disable it, or enable it again',
  description: 'Omitted fields stay unchanged; an empty object changes nothing.',
  ...guardedBody('admin'),
  ...refuses('not_found', 'url_refused', 'webhook_is_callback'),
  request: { params, body: body(changeWebhook) },
  responses: { 200: answers(webhookView, 'The changed endpoint.') },
});

const rotate = createRoute({
  method: 'post',
  path: `${path}/{id}/rotate`,
  tags,
  operationId: 'rotateWebhookSecret',
  summary: 'Create a new signing secret; the previous one also signs for a while',
  description: 'Meanwhile each call carries both signatures, so receivers can switch at any time.',
  ...guardedBody('admin'),
  ...refuses('not_found', 'webhook_is_callback', 'webhook_unsigned'),
  request: { params, body: body(rotateWebhook) },
  responses: { 200: answers(webhookWithSecret, 'The new secret is shown only once.') },
});

const remove = createRoute({
  method: 'delete',
  path: `${path}/{id}`,
  tags,
  operationId: 'deleteWebhook',
  summary: 'Delete an endpoint with its deliveries; pending ones are not sent',
  description: 'Like every DELETE: 204, and 404 for what cannot be read any more.',
  ...guarded('admin'),
  ...refuses('not_found'),
  request: { params },
  responses: { 204: { description: 'Deleted.' } },
});

export function webhookRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(create, async (c) => {
    const { url: given, kind, token, email, events } = c.req.valid('json');
    const url = acceptedUrl(c.env, 'url', given, kind);
    const now = Date.now();
    const id = newId('whk', now);
    // Before the row: an endpoint that exists can be called.
    await keepCredential(c.env, { id, kind }, { url, token });
    const endpoint = { id, kind, url: shownUrl(kind, url), events, email, origin: publicOrigin(c) };
    const row = await insertEndpoint(c.env.DB, endpoint, now);
    if (!row) {
      await forgetCredential(c.env, { id, kind });
      const most = limits.webhook.endpointsMax;
      throw new Problem('webhook_limit', `There are ${most} endpoints, the maximum; delete one first.`);
    }
    c.header('location', `${path}/${row.id}`);
    c.header('cache-control', 'no-store');
    return c.json(await withSecret(c.env, row), 201);
  });

  app.openapi(list, async (c) => {
    const { cursor, limit, migration = null } = c.req.valid('query');
    const rows = await listEndpoints(c.env.DB, migration, decodeCursor(cursor, 1)?.[0] ?? null, limit);
    const { items, next_cursor } = pageOf(rows, limit, ({ id }) => [id]);
    return c.json({ items: items.map((row) => viewWebhook(row, Date.now())), next_cursor }, 200);
  });

  app.openapi(showCallbackSecret, async (c) => {
    c.set('revealing', `GET ${showCallbackSecret.path}`);
    c.header('cache-control', 'no-store');
    return c.json({ secret: await fleetOf(c.env).webhookSecret(c.get('token').id, 1) }, 200);
  });

  app.openapi(show, async (c) => c.json(viewWebhook(await endpoint(c.env, c.req.valid('param').id), Date.now()), 200));

  app.openapi(change, async (c) => {
    const { id } = c.req.valid('param');
    const { url: given, events, token, email, disabled } = c.req.valid('json');
    const row = await endpoint(c.env, id);
    const { kind } = row;
    if (given !== undefined || events !== undefined) registered(row);
    const [issue] = kindIssues(kind, { token, email });
    if (issue) throw new Problem('invalid_request', `${issue.path}: ${issue.message}`, { errors: [issue] });
    const url = given === undefined ? undefined : acceptedUrl(c.env, 'url', given, kind);
    await keepCredential(c.env, row, { url, token });
    await updateEndpoint(c.env.DB, id, {
      ...(url === undefined ? {} : { url: shownUrl(kind, url) }),
      ...(events === undefined ? {} : { events }),
      ...(email === undefined ? {} : { email }),
      ...(disabled === false ? { disabled_at: null, disabled_why: null } : {}),
    });
    if (disabled) await disableEndpoint(c.env.DB, id, 'request', Date.now());
    return c.json(viewWebhook(await endpoint(c.env, id), Date.now()), 200);
  });

  app.openapi(rotate, async (c) => {
    const { id } = c.req.valid('param');
    const before = await endpoint(c.env, id);
    registered(before);
    if (before.kind !== 'standard')
      throw new Problem('webhook_unsigned', `A webhook of the kind ${before.kind} has no signing secret to rotate.`);
    const row = await rotateSecret(c.env.DB, id, Date.now() + c.req.valid('json').overlap_s * 1000);
    if (!row) throw absent();
    c.header('cache-control', 'no-store');
    return c.json(await withSecret(c.env, row), 200);
  });

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param');
    const row = await endpoint(c.env, id);
    await deleteEndpoint(c.env.DB, id);
    await forgetCredential(c.env, row);
    return c.body(null, 204);
  });
}
