import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { existsOnHost } from '../../../../agent/engine/docker/data/existence.ts';
import { createSlots } from '../../../../agent/engine/docker/helper/slots.ts';
import { startEngine } from '../engine-server.ts';

/** An engine that has these paths to mount, and refuses a container without an image or a command as Docker does. */
async function hostWith(...paths: string[]) {
  const engine = await startEngine(async (path, answer, request) => {
    if (!path.startsWith('/containers/create')) return answer.writeHead(204).end();
    const { Image, Entrypoint, HostConfig } = (await json(request)) as {
      Image?: string;
      Entrypoint?: string[];
      HostConfig: { Mounts: { Source: string }[] };
    };
    const well = Image === 'sha256:helper' && Entrypoint && paths.includes(HostConfig.Mounts[0]?.Source ?? '');
    if (well) return answer.writeHead(201).end(JSON.stringify({ Id: 'trial' }));
    return answer.writeHead(400).end(JSON.stringify({ message: 'invalid mount config' }));
  });
  onTestFinished(() => engine.close());
  return { api: engine.api, image: async () => 'sha256:helper', ioDir: '/io', agentId: 'me', slots: createSlots(1) };
}

const own = { name: 'agent', id: 'me', image: 'sha256:helper', hostPids: true, hostNetwork: true, mounts: [] };

it('a path that the agent does not see is asked of the engine', async () => {
  const place = await hostWith('/only/on/the/host');
  expect(await existsOnHost(place, '/only/on/the/host')).toBe(true);
  expect(await existsOnHost(place, '/nowhere/at/all')).toBe(false);
});

it('what an agent in a container has of its own is not the host’s', async () => {
  const place = await hostWith('/srv/media');
  expect(await existsOnHost(place, '/usr')).toBe(true);
  expect(await existsOnHost(place, '/usr', own)).toBe(false);
  expect(await existsOnHost(place, '/srv/media', own)).toBe(true);
});
