import { describe, expect, it } from 'vitest';
import { app } from '../../worker/app.ts';
import { call } from './support/api.ts';

/** Routes that are no part of the API: they tell of it. The web UI lies outside `/api/v1`. */
const tellers = ['GET /api/v1/openapi.json', 'GET /api/v1/docs'];

describe("the API's document", async () => {
  const { body: document } = await call('GET', '/api/v1/openapi.json');
  interface Operation {
    operationId: string;
    tags: string[];
    summary: string;
    description: string;
    parameters?: Record<string, unknown>[];
    requestBody?: { content: Record<string, { schema: unknown }> };
    responses: Record<string, Record<string, unknown>>;
    security: Record<string, string[]>[];
  }
  const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
  );

  it('has every route of the router, and none that the router has not', () => {
    const routed = app.routes
      .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/'))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`);
    const wanted = [...new Set(routed)].filter((name) => !tellers.includes(name));
    expect(operations.map(({ name }) => name).toSorted()).toEqual(wanted.toSorted());
    expect(wanted.length).toBeGreaterThan(30);
  });

  it('names each operation once, and says what it is for', () => {
    for (const { name, operationId, tags, summary, description } of operations)
      expect({ name, operationId, tags, summary, description }).toMatchObject({
        operationId: expect.stringMatching(/^[a-z][A-Za-z]+$/),
        tags: [expect.stringMatching(/^[a-z]+$/)],
        summary: expect.stringMatching(/.{10}/),
        description: expect.stringMatching(/.{10}/),
      });
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).toEqual([...new Set(ids)]);
  });

  it('describes what is sent and answered by named schemas, and shows an example of each that is sent', () => {
    const named = { $ref: expect.stringMatching(/^#\/components\/schemas\/(?!undefined)[A-Z]/) };
    for (const { name, requestBody, responses } of operations) {
      const sent = requestBody?.content['application/json']?.schema as { $ref: string } | undefined;
      if (sent) expect({ name, sent }).toMatchObject({ sent: named });
      if (sent && !/Enroll|Renew/.test(sent.$ref))
        expect({ name, example: document.components.schemas[sent.$ref.split('/').at(-1)!].examples }).toMatchObject({
          example: [expect.any(Object)],
        });
      for (const [status, { content }] of Object.entries(responses)) {
        const schema = (content as Operation['requestBody'])?.content?.['application/json'];
        if (schema) expect({ name, status, schema }).toMatchObject({ schema: { schema: named } });
      }
    }
  });

  it('gives every POST of a token its idempotency key, every answer its headers, every list its pages', () => {
    for (const { name, security, parameters = [], responses } of operations) {
      const withToken = security.some(({ bearer }) => bearer);
      const keyed = parameters.some(({ $ref }) => $ref === '#/components/parameters/IdempotencyKey');
      expect({ name, keyed }).toEqual({ name, keyed: withToken && name.startsWith('POST') });
      const [success] = Object.entries(responses).find(([status]) => /^2/.test(status)) ?? [];
      if (withToken)
        expect(responses[success!]).toMatchObject({
          headers: { RateLimit: expect.any(Object), 'RateLimit-Policy': expect.any(Object) },
        });
      if (withToken)
        expect({ name, statuses: Object.keys(responses) }).toMatchObject({
          statuses: expect.arrayContaining(['401', '429', '500']),
        });
      const names = parameters.map(({ name: parameter }) => parameter);
      const list = JSON.stringify(responses['200'] ?? '').includes('Page"');
      expect({ name, pages: names.includes('cursor') && names.includes('limit') }).toEqual({ name, pages: list });
    }
  });
});
