import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';

/** The strictest set of the linter, warnings as errors, and what that set leaves out. */
const rules = [
  'no-ambiguous-paths',
  'no-invalid-media-type-examples',
  'no-invalid-schema-examples',
  'no-schema-type-mismatch',
  'no-unused-components',
  'operation-description',
  'operation-operationId',
  'operation-operationId-url-safe',
  'operation-tag-defined',
  'parameter-description',
  'tag-description',
] as const;

/** An upgrade has no success but 101. */
const upgrade = /^operation-2xx-response: .*agents~1connect/;

describe('the API explains itself', { timeout: 60_000 }, () => {
  let plane: TestControlPlane;
  beforeAll(async () => {
    plane = await testControlPlane();
  });
  afterAll(() => plane.close());
  const get = (path: string) => fetch(new URL(path, plane.url));
  const lint = async (source: string) => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: Object.fromEntries(rules.map((rule) => [rule, 'error'])),
    });
    const problems = await lintFromString({ source, config });
    const lines = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`);
    return lines.filter((line) => !upgrade.test(line));
  };

  it('by a document in which a linter finds nothing, examples and references included', async () => {
    const source = await (await get('/api/v1/openapi.json')).text();
    expect(await lint(source)).toEqual([]);
    // It would find something.
    const damaged = source
      .replace(/"target_host_id":("host_\w+","sizing")/, '"target_host":$1')
      .replace('/Stack"', '/Stuck"');
    const found = (await lint(damaged)).join('\n');
    expect(found).toContain('target_host_id');
    expect(found).toContain('no-unresolved-refs');
  });

  it('by a page that loads only what lies beside it, and may load nothing else', async () => {
    const page = await get('/api/v1/docs');
    expect(page.status).toBe(200);
    const policy = Object.fromEntries(
      (page.headers.get('content-security-policy') ?? '').split('; ').map((line) => {
        const [name = '', ...sources] = line.split(' ');
        return [name, sources];
      }),
    );
    expect(policy['default-src']).toEqual(["'none'"]);
    expect(policy['script-src']).toEqual(["'self'"]);
    const own = ["'none'", "'self'", "'unsafe-inline'", 'data:'];
    expect(
      Object.values(policy)
        .flat()
        .filter((source) => !own.includes(source)),
    ).toEqual([]);
    const html = await page.text();
    // Links are followed by a person, not loaded.
    const loading = html.replaceAll(/<a [^>]*>/g, '');
    const parts = [...loading.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(parts.length).toBeGreaterThan(4);
    for (const path of parts) {
      expect(path).toMatch(/^\/api\/v1\//);
      const part = await get(path);
      expect(`${path} ${part.status}`).toBe(`${path} 200`);
      expect((await part.arrayBuffer()).byteLength).toBeGreaterThan(0);
      if (path.includes('/docs/')) expect(part.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });
});
