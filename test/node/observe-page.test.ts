import { expect, onTestFinished, test } from 'vitest';
import { type Observed, openObservePage } from '../../node/observe-page.ts';
import { counter } from '../../schema/metrics-text.ts';

const loopback = { host: '127.0.0.1', port: 0 };

async function pageOf(
  observed: Partial<Observed> = {},
  { listen = loopback, token = null as string | null } = {},
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const page = await openObservePage({
    listen,
    token,
    observed: { waitingFor: async () => [], metrics: () => [counter('stackferry_x_total', 'X.', 7)], ...observed },
  });
  onTestFinished(() => page.close());
  return (path, init) => fetch(`http://127.0.0.1:${page.port}${path}`, init);
}

test('health, readiness and metrics; nothing else, and no other method', async () => {
  const get = await pageOf();
  expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
  expect(await (await get('/readyz')).json()).toEqual({ status: 'ready' });
  const metrics = await get('/metrics');
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await metrics.text()).toContain('\nstackferry_x_total 7\n');
  for (const path of ['/', '/other', '/metrics?x', '/__proto__']) expect((await get(path)).status, path).toBe(404);
  expect((await get('/metrics', { method: 'POST' })).status).toBe(404);
});

test('what it waits for is said, and asked for once, however many ask', async () => {
  let asked = 0;
  const waitingFor = async () => {
    asked += 1;
    return ['engine'];
  };
  const get = await pageOf({ waitingFor });
  const answers = await Promise.all(Array.from({ length: 10 }, () => get('/readyz')));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(503));
  expect(await answers[0]?.json()).toEqual({ status: 'not_ready', waiting_for: ['engine'] });
  expect(asked).toBe(1);
});

test('an error in a page is an answer without its message, and the next request is served', async () => {
  const fail = () => {
    throw new Error('secret');
  };
  const get = await pageOf({ metrics: fail, waitingFor: async () => fail() });
  const [metrics, ready] = [await get('/metrics'), await get('/readyz')];
  expect([metrics.status, ready.status]).toEqual([500, 503]);
  expect((await metrics.text()) + (await ready.text())).not.toContain('secret');
  expect((await get('/healthz')).status).toBe(200);
});

test('an address that other machines reach is opened with a token only, and answers nothing without it', async () => {
  const listen = { host: '0.0.0.0', port: 0 };
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'localhost', '127.evil.example'])
    await expect(pageOf({}, { listen: { host, port: 0 } }), host).rejects.toThrow('STACKFERRY_METRICS_TOKEN');
  const token = 'a-token-of-sixteen-or-more';
  const get = await pageOf({}, { listen, token });
  const bearing = (sent: string) => ({ headers: { authorization: sent } });
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    expect((await get(path)).status, path).toBe(401);
    expect((await get(path, bearing('Bearer wrong'))).status, path).toBe(401);
    expect((await get(path, bearing(token))).status, path).toBe(401);
    expect((await get(path, bearing(`Bearer ${token}`))).status, path).toBe(200);
  }
});
