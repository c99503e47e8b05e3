import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TestRecord {
  id: string;
  type: string;
  name: string;
  content: string;
  ttl: number;
  proxied: boolean;
}

const zoneId = '023e105f4ecef8ad9ca31a8372d0c353';
export const testToken = 'cf-Test_Token.0123456789abcdef';

/** A server that answers like version 4 of Cloudflare's API, with one zone. */
export async function cloudflareApi(zone: string, records: TestRecord[]) {
  const calls: { method: string; path: string; body: unknown }[] = [];
  const script: { answer: ((method: string, path: string) => [number, unknown] | null) | null } = { answer: null };
  const ok = (result: unknown): [number, unknown] => [200, { success: true, errors: [], messages: [], result }];
  const refused = (status: number, code: number, message: string): [number, unknown] => [
    status,
    { success: false, errors: [{ code, message }], messages: [], result: null },
  ];
  const answer = (method: string, url: URL, authorization: string | undefined, body: Partial<TestRecord>) => {
    if (authorization !== `Bearer ${testToken}`) return refused(401, 1000, 'Invalid API Token');
    const path = url.pathname;
    const scripted = script.answer?.(method, path);
    if (scripted) return scripted;
    if (path === '/zones') return ok(url.searchParams.get('name') === zone ? [{ id: zoneId, name: zone }] : []);
    if (!path.startsWith(`/zones/${zoneId}/dns_records`)) return refused(404, 7003, 'Could not route');
    const id = path.split('/')[4];
    if (id === undefined) return ok(records.filter(({ name }) => name === url.searchParams.get('name')));
    const record = records.find((one) => one.id === id);
    if (!record) return refused(404, 81044, 'Record does not exist.');
    if (method === 'PATCH') Object.assign(record, body);
    return ok(record);
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const text = Buffer.concat(parts).toString();
      const body = text === '' ? null : JSON.parse(text);
      calls.push({ method, path: url, body });
      const [status, said] = answer(method, new URL(url, 'http://api'), headers.authorization, body);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    api,
    calls,
    records,
    script,
    refused,
    close,
    changes: () => calls.filter(({ method }) => method === 'PATCH'),
  };
}

export const recordOf = (over: Partial<TestRecord> = {}): TestRecord => ({
  ...{ id: 'rec1', type: 'A', name: 'shop.example.com', content: '192.0.2.10', ttl: 120, proxied: false },
  ...over,
});
