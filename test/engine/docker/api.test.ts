import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type DockerApi, nothing, openDockerApi } from '../../../agent/engine/docker/api.ts';
import { createSlots } from '../../../agent/engine/docker/helper/slots.ts';
import { limits } from '../../../schema/limits.ts';
import { eventually, temporaryDirectory } from '../../agent/temporary.ts';

/** An engine whose containers never end: `/wait` is never answered, all else at once. */
async function patientEngine(): Promise<{ api: DockerApi; waiting: () => number }> {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/wait')) held.push(response);
    else response.end(JSON.stringify({ Version: '26.1', ApiVersion: '1.45', Os: 'linux', Arch: 'amd64' }));
  });
  const socket = join(await temporaryDirectory(), 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const api = await openDockerApi(socket);
  onTestFinished(async () => {
    await api.close();
    server.closeAllConnections();
    server.close();
  });
  return { api, waiting: () => held.length };
}

const wait = (api: DockerApi, signal: AbortSignal, waits: boolean) =>
  api.post('/containers/c/wait', undefined, nothing, { timeoutMs: 0, signal, waits });

test('P15: as many waits as the host can have hold up no other call', async () => {
  const { api, waiting } = await patientEngine();
  const over = new AbortController();
  const waits = Array.from({ length: limits.agent.engineWaitsMax }, () => wait(api, over.signal, true));
  await eventually(() => waiting() === limits.agent.engineWaitsMax, 'all of them to be held');
  await api.post('/containers/c/stop', undefined, nothing, { signal: AbortSignal.timeout(2_000) });
  over.abort(new Error('enough'));
  for (const result of await Promise.allSettled(waits)) expect(result).toMatchObject({ status: 'rejected' });
});

test('P15: a call that waits for a connection heeds its signal', async () => {
  const { api, waiting } = await patientEngine();
  const over = new AbortController();
  const waits = Array.from({ length: limits.agent.engineConnectionsMax }, () => wait(api, over.signal, false));
  await eventually(() => waiting() === limits.agent.engineConnectionsMax, 'every connection to be taken');
  const late = api.post('/containers/c/stop', undefined, nothing, { signal: AbortSignal.timeout(200) });
  await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
  over.abort(new Error('enough'));
  await Promise.allSettled(waits);
});

test('P15: helpers wait their turn beyond the bound of the host, and give up when told to', async () => {
  const slots = createSlots(2);
  const never = new AbortController().signal;
  const [free] = [await slots.take(never), await slots.take(never)];
  const over = new AbortController();
  const [first, second] = [slots.take(over.signal), slots.take(never)];
  over.abort(new Error('cancelled'));
  await expect(first).rejects.toThrow('cancelled');
  free();
  free();
  await second;
  await expect(slots.take(AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'TimeoutError' });
});
