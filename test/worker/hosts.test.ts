import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode, join } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

describe('hosts and relays', () => {
  it.each(['host', 'relay'] as const)('a %s is created with a join token that is shown once', async (kind) => {
    const token = await tokenWith(['admin']);
    const made = await call('POST', `/api/v1/${kind}s`, { token, body: { name: 'metal-1' } });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/api/v1/${kind}s/${made.body.id}`);
    expect(made.body).toMatchObject({ name: 'metal-1', status: 'pending', joined_at: null });
    expect(made.body.join_token).toMatch(/^sfj_/);
    const shown = await call('GET', `/api/v1/${kind}s/${made.body.id}`, { token });
    expect(shown.status).toBe(200);
    expect(shown.body).not.toHaveProperty('join_token');
    expect(shown.body).toHaveProperty(kind === 'host' ? 'resources' : 'address', null);
  });

  it('a name is taken until its host is deleted; hosts and relays do not share names', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await createNode(token, 'host', 'a');
    await createNode(token, 'relay', 'a');
    const again = await call('POST', '/api/v1/hosts', { token, body: { name: 'a' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'name_taken' } });
    expect((await call('DELETE', `/api/v1/hosts/${id}`, { token })).status).toBe(204);
    await createNode(token, 'host', 'a');
  });

  it('lists are cut into pages that the cursor leads through', async () => {
    const token = await tokenWith(['admin']);
    for (const name of ['a', 'b', 'c']) await createNode(token, 'host', name);
    const names: string[] = [];
    let query = 'limit=2';
    for (let pages = 0; query && pages < 5; pages++) {
      const { body } = await call('GET', `/api/v1/hosts?${query}`, { token });
      names.push(...body.items.map(({ name }: { name: string }) => name));
      query = body.next_cursor ? `limit=2&cursor=${body.next_cursor}` : '';
    }
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it('a deleted host is gone from list and address', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await join(token, 'host', 'a');
    expect((await call('DELETE', `/api/v1/hosts/${id}`, { token })).status).toBe(204);
    expect((await call('GET', `/api/v1/hosts/${id}`, { token })).status).toBe(404);
    expect((await call('DELETE', `/api/v1/hosts/${id}`, { token })).status).toBe(404);
    expect((await call('GET', '/api/v1/hosts', { token })).body.items).toEqual([]);
  });

  it.each(['source_host_id', 'target_host_id'])(
    'C4: a host that is %s of a running migration cannot be deleted',
    async (role) => {
      const token = await tokenWith(['admin']);
      const [a, b] = [await createNode(token, 'host', 'a'), await createNode(token, 'host', 'b')];
      const ids = { source_host_id: a.id, target_host_id: b.id };
      await insertMigration({ stack_id: await insertStack('shop', a.id), stack_name: 'shop', ...ids });
      const busy = await call('DELETE', `/api/v1/hosts/${ids[role as keyof typeof ids]}`, { token });
      expect(busy).toMatchObject({ status: 409, body: { code: 'host_busy' } });
    },
  );
});

describe('bad requests', () => {
  const cases: [string, Parameters<typeof call>[2], number, string][] = [
    ['B5: malformed JSON', { body: '{"name":' }, 400, 'malformed_json'],
    ['B5: an empty body', { body: '' }, 400, 'malformed_json'],
    [
      'B6: a form',
      { body: 'name=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    [
      'B6: plain text',
      { body: '{"name":"a"}', headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
    ],
    [
      'B7: a body that is too large',
      { body: { name: 'a'.repeat(limits.control.bodyBytesMax) } },
      413,
      'body_too_large',
    ],
    ['B8: an unknown field', { body: { name: 'a', admin: true } }, 422, 'invalid_request'],
    ['B8: a wrongly typed field', { body: { name: 1 } }, 422, 'invalid_request'],
    ['B8: a missing field', { body: {} }, 422, 'invalid_request'],
    ['B8: an array', { body: [] }, 422, 'invalid_request'],
    ['B10: a name that climbs', { body: { name: '../etc' } }, 422, 'invalid_request'],
    ['B10: a name with a NUL', { body: { name: 'a\u0000b' } }, 422, 'invalid_request'],
    ['B10: a name with a line break', { body: { name: 'a\n' } }, 422, 'invalid_request'],
    ['B10: a name of 10,000 characters', { body: { name: 'a'.repeat(10_000) } }, 422, 'invalid_request'],
  ];
  it.each(cases)('%s is refused and makes nothing', async (_, options, status, code) => {
    const token = await tokenWith(['admin']);
    const answer = await call('POST', '/api/v1/hosts', { token, ...options });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ code, status, type: `urn:stackferry:error:${code}` });
    if (status === 422) expect(answer.body.errors.length).toBeGreaterThan(0);
    expect((await call('GET', '/api/v1/hosts', { token })).body.items).toEqual([]);
  });

  it('B7: a body without a length is cut off at the bound', async () => {
    const { app } = await import('../../worker/app.ts');
    const { bindings } = await import('./support/api.ts');
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 8192;
        controller.enqueue(new Uint8Array(8192).fill(97));
      },
    });
    const response = await app.request(
      'http://stackferry.test/api/v1/hosts',
      {
        method: 'POST',
        body: endless,
        headers: { authorization: `Bearer ${await tokenWith(['admin'])}`, 'content-type': 'application/json' },
      },
      bindings,
    );
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(4 * limits.control.bodyBytesMax);
  });

  it.each([
    ['B11: a cursor of another making', 'cursor=abc', 400, 'invalid_cursor'],
    ['B11: a cursor that is not base64', 'cursor=%25%25', 400, 'invalid_cursor'],
    ['B11: a cursor of another list', `cursor=${btoa('["a","b"]')}`, 400, 'invalid_cursor'],
    ['B8: a limit out of range', 'limit=100000', 422, 'invalid_request'],
    ['B8: an unknown parameter', 'sorted_by=name', 422, 'invalid_request'],
  ])('%s is refused', async (_, query, status, code) => {
    const answer = await call('GET', `/api/v1/hosts?${query}`, { token: await tokenWith(['read']) });
    expect(answer).toMatchObject({ status, body: { code } });
  });

  it('B15: unknown ids are 404, what is no id at all is 422', async () => {
    const token = await tokenWith(['admin']);
    const unknown = 'host_01m84szym4tvg03p2mz6y2f9wb';
    for (const method of ['GET', 'DELETE'])
      expect(await call(method, `/api/v1/hosts/${unknown}`, { token })).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
    for (const bad of ['..%2f..%2fetc', 'a%00b', 'x'.repeat(10_000), '%F0%9F%92%A3'])
      expect((await call('GET', `/api/v1/hosts/${bad}`, { token })).status).toBe(422);
    const relay = await createNode(token, 'relay', 'r');
    expect((await call('GET', `/api/v1/hosts/${relay.id}`, { token })).status).toBe(404);
  });

  it('an unknown address is 404, a method it does not have 405 with those it has', async () => {
    expect(await call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    const put = await call('PUT', '/api/v1/hosts');
    expect(put).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(put.headers.get('allow')).toBe('GET, POST');
  });

  it('an unexpected fault is 500 and says nothing of its cause', async () => {
    const { bindings } = await import('./support/api.ts');
    const broken = new Proxy(bindings.DB, {
      get() {
        throw new Error('secret inner workings');
      },
    });
    const token = await tokenWith(['read']);
    const answer = await call('GET', '/api/v1/hosts', { token, bound: { ...bindings, DB: broken } });
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(JSON.stringify(answer.body)).not.toContain('inner');
  });

  it('describes itself by OpenAPI 3.1', async () => {
    const { status, body } = await call('GET', '/api/v1/openapi.json');
    expect(status).toBe(200);
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toContain('/api/v1/stacks/{name}/migrate');
  });
});
