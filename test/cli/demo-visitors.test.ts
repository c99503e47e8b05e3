import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { counted, startVisitors, told } from '../../cli/demo/visitors.ts';
import { sleep } from '../../node/sleep.ts';

let server: http.Server;
afterEach(() => new Promise((resolve) => server?.close(resolve)));

async function serve(answer: (response: http.ServerResponse) => void): Promise<string> {
  server = http.createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('visitors of the demo', () => {
  it('come by a connection each, and wait for every answer', async () => {
    let asked = 0;
    let connections = 0;
    const url = await serve((response) => void setTimeout(() => response.end('well'), asked++ === 0 ? 300 : 0));
    server.on('connection', () => {
      connections += 1;
    });
    const visitors = startVisitors(url);
    await sleep(150);
    const { made, failed, longestMs } = await visitors.ended();
    expect(made).toBeGreaterThan(1);
    expect([asked, connections, failed]).toEqual([made, made, 0]);
    expect(longestMs).toBeGreaterThanOrEqual(290);
  });

  it('count who is cut, refused or served an error', async () => {
    let asked = 0;
    const url = await serve((response) => {
      asked += 1;
      if (asked === 1) response.socket?.destroy();
      else if (asked === 2) response.writeHead(502).end();
      else response.end('well');
    });
    const visitors = startVisitors(url);
    await sleep(200);
    expect((await visitors.ended()).failed).toBe(2);
    const gone = startVisitors('http://127.0.0.1:1/');
    await sleep(100);
    const { made, failed } = await gone.ended();
    expect(made).toBeGreaterThan(0);
    expect(failed).toBe(made);
  });

  it('are all counted by the page, but for those that failed', () => {
    const visits = { made: 10, failed: 0, longestMs: 0 };
    expect(counted('visitor 5\n', visits, 'visitor 16\n')).toBe('the page went on counting: 5 before, 16 now');
    expect(() => counted('visitor 5\n', visits, 'visitor 15\n')).toThrow('10 visits were made, and the page counted 9');
    expect(() => counted('visitor 5\n', visits, 'visitor 17\n')).toThrow('counted 11');
    expect(() => counted('visitor 5\n', visits, null)).toThrow('counted NaN');
    expect(counted('visitor 5', { ...visits, failed: 1 }, 'visitor 15')).toContain('15 now');
  });

  it('are told of in a line, with how long the stack was down', () => {
    const visits = { made: 321, failed: 2, longestMs: 3_140 };
    const downtime = { began_at: '2026-01-01T00:00:00.000Z', ended_at: '2026-01-01T00:00:02.500Z' };
    expect(told(visits, downtime)).toBe(
      'visits to the old address meanwhile: 321, failed: 2, longest wait: 3.1 s; the stack was down for 2.5 s',
    );
    expect(told(visits, null)).toMatch(/longest wait: 3.1 s$/);
  });
});
