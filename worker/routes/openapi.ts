import type { OpenAPIHono } from '@hono/zod-openapi';
import { webhookEvents } from '../../schema/webhook-events.ts';
import type { Authed } from '../auth/authed.ts';
import { connectPath, headers, idempotencyKey, info, securitySchemes, tags, told } from './openapi-components.ts';
import { completed, type Operation, problemExamples, refusalComponents } from './openapi-operation.ts';
import { schemasOf } from './openapi-schemas.ts';

export const openapiPath = '/api/v1/openapi.json';

/** Serves the OpenAPI document of all `createRoute` routes, generated from the schemas that validate requests. */
export function openapiRoute(app: OpenAPIHono<Authed>): void {
  const registry = app.openAPIRegistry;
  registry.registerPath(connectPath);
  for (const event of webhookEvents) registry.registerWebhook(webhook(event));
  for (const [name, scheme] of Object.entries(securitySchemes))
    registry.registerComponent('securitySchemes', name, scheme);
  for (const [name, header] of Object.entries(headers)) registry.registerComponent('headers', name, header);
  registry.registerComponent('parameters', 'IdempotencyKey', idempotencyKey);
  let text: string | undefined;
  app.get(openapiPath, (c) => {
    text ??= JSON.stringify(documentOf(app));
    return c.body(text, 200, { 'content-type': 'application/json' });
  });
}

function documentOf(app: OpenAPIHono<Authed>) {
  const document = app.getOpenAPI31Document({ openapi: '3.1.0', info, servers: [{ url: '/' }], tags });
  const paths = Object.entries(document.paths ?? {}).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [method, completed(method, operation as Operation)]),
    ),
  ]);
  const responses = referred(refusalComponents, 'responses', paths);
  return {
    ...document,
    paths: Object.fromEntries(paths),
    components: {
      ...document.components,
      schemas: schemasOf([paths, document.webhooks]),
      responses,
      examples: referred(problemExamples, 'examples', [paths, responses]),
    },
  };
}

/** Returns the components that `by` refers to. */
function referred<T>(components: Record<string, T>, section: string, by: unknown): Record<string, T> {
  const text = JSON.stringify(by);
  return Object.fromEntries(
    Object.entries(components).filter(([name]) => text.includes(`"#/components/${section}/${name}"`)),
  );
}

function webhook(event: (typeof webhookEvents)[number]) {
  const type = event.shape.type.value;
  return {
    method: 'post' as const,
    path: type,
    operationId: type,
    tags: ['webhooks'],
    summary: `\`${type}\``,
    description: told[type],
    // The call is signed, and carries no credentials.
    security: [],
    request: { body: { content: { 'application/json': { schema: event } }, required: true } },
    responses: { '2XX': { description: 'Received. Any other status is retried, and 410 disables the endpoint.' } },
  };
}
