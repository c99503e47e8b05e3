import { z } from '@hono/zod-openapi';
import { examples } from './openapi-examples.ts';

const place = '#/components/schemas/';

/**
 * The named schemas that `paths` refers to, and those that these refer to in turn, as JSON Schema. Made by zod itself:
 * the router's generator turns a component that is nullable in one place into one that is nullable everywhere.
 */
export function schemasOf(paths: unknown): Record<string, unknown> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    io: 'input',
    uri: (id) => `${place}${id}`,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Said of every `int()`, and true of every number in JSON.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const used: Record<string, unknown> = {};
  const waiting = namesIn(paths);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name in used) continue;
    const { $schema: _, $id: __, id: ___, ...schema } = schemas[name] ?? {};
    used[name] = name in examples ? { ...schema, examples: [examples[name]] } : schema;
    waiting.push(...namesIn(schema));
  }
  return Object.fromEntries(Object.entries(used).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function namesIn(part: unknown): string[] {
  return [...JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!);
}
