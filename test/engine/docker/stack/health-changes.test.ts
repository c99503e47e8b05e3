import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { healthChanges } from '../../../../agent/engine/docker/stack/health-changes.ts';
import { eventually } from '../../../agent/temporary.ts';
import { startEngine } from '../engine-server.ts';

test('each change of a healthcheck is reported as it comes, until the caller aborts', async () => {
  const asked: string[] = [];
  let events: ServerResponse | null = null;
  const { api, close } = await startEngine((path, answer) => {
    asked.push(path);
    events = answer;
    answer.flushHeaders();
  });
  onTestFinished(close);
  const over = new AbortController();
  const changed = healthChanges(api, ['c1'], over.signal);
  await eventually(() => events, 'the engine to be asked');
  expect(asked).toEqual(['/events?filters={"type":["container"],"container":["c1"],"event":["health_status"]}']);
  for (const status of ['healthy', 'unhealthy']) {
    const next = changed();
    events!.write(`{"Action":"health_status: ${status}"}\n`);
    await next;
  }
  over.abort();
  await eventually(() => events?.closed, 'the connection to be closed');
});

test('an engine that tells nothing leaves it at the looks', async () => {
  const { api, close } = await startEngine((_path, answer) => answer.writeHead(500).end('{}'));
  onTestFinished(close);
  const changed = healthChanges(api, ['c1'], new AbortController().signal);
  const waited = new Promise((resolve) => setTimeout(resolve, 50, 'waited'));
  expect(await Promise.race([changed(), waited])).toBe('waited');
});
