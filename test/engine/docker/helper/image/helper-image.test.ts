import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHelperImage } from '../../../../../agent/engine/docker/helper/image/helper-image.ts';
import { helperImageWays } from '../../../../../agent/engine/docker/helper/image/ways.ts';
import { createSlots } from '../../../../../agent/engine/docker/helper/slots.ts';
import { limits } from '../../../../../schema/limits.ts';
import { startEngine } from '../../engine-server.ts';

const bounds = { helperImageWaitMs: 100, helperImageRetry: { reconnectDelayMsMin: 200, reconnectDelayMsMax: 200 } };

/** A pull goes as the test says; `have` puts the image there. */
async function helperOf(pull: (answer: ServerResponse, have: (id: string) => void) => void) {
  const images = new Map<string, string>();
  let pulls = 0;
  const engine = await startEngine((path, answer) => {
    if (path.startsWith('/images/create')) {
      pulls++;
      return pull(answer, (id) => images.set('helper:1', id));
    }
    const name = /^\/images\/(.+)\/json/.exec(path)?.[1] ?? '';
    const id = images.get(name) ?? [...images.values()].find((value) => value === name);
    if (id) return answer.end(JSON.stringify({ Id: id, Os: 'linux', Architecture: 'amd64', Size: 1 }));
    return answer.writeHead(404).end(JSON.stringify({ message: `No such image: ${name}` }));
  });
  const place = { api: engine.api, ioDir: '/none', agentId: '/none', slots: createSlots(1) };
  const ways = helperImageWays(place, { named: 'helper:1', ownImage: null, stateDir: '/none' });
  const helper = createHelperImage(
    { ...ways, lacks: async (id) => (id === 'sha256:busybox' ? ['GNU tar'] : []) },
    bounds,
  );
  onTestFinished(async () => {
    helper.close();
    await engine.close();
  });
  return { helper, images, pulls: () => pulls };
}

it('P17 a slow pull of the helper image goes on after the pre-flight has answered, and is begun once', async () => {
  let finish = () => {};
  const { helper, pulls } = await helperOf((answer, have) => {
    const progress = setInterval(() => answer.write('{"status":"Downloading"}\n'), 20);
    finish = () => {
      clearInterval(progress);
      have('sha256:1');
      answer.end('{"status":"Pull complete"}\n');
    };
  });
  expect(await helper.state()).toMatchObject({
    ready: false,
    detail: expect.stringContaining('is being made or pulled'),
  });
  expect(await helper.state()).toMatchObject({ ready: false });
  expect(pulls()).toBe(1);
  finish();
  await vi.waitFor(async () => expect(await helper.state()).toMatchObject({ ready: true }));
  expect(pulls()).toBe(1);
});

it('P17 a pull of the helper image that failed is tried again later, not at each look, and says why', async () => {
  let broken = true;
  const { helper, pulls } = await helperOf((answer, have) => {
    if (broken) return answer.end('{"status":"Pulling"}\n{"error":"toomanyrequests: slow down"}\n');
    have('sha256:1');
    return answer.end('{"status":"Pull complete"}\n');
  });
  for (let looks = 0; looks < 5; looks++)
    expect(await helper.state()).toMatchObject({ ready: false, detail: expect.stringContaining('toomanyrequests') });
  expect(pulls()).toBe(1);
  broken = false;
  await vi.waitFor(async () => expect(await helper.state()).toMatchObject({ ready: true }));
  expect(pulls()).toBe(2);
});

it('P17 a pull may take longer than any other answer while it progresses, and ends where it does not', async () => {
  const { engineRequestMsMax, pullIdleMsMax } = limits.agent;
  onTestFinished(() => void Object.assign(limits.agent, { engineRequestMsMax, pullIdleMsMax }));
  const { helper, images, pulls } = await helperOf((answer, have) => {
    answer.write('{"status":"Downloading"}\n');
    if (images.size > 0) return;
    const progress = setInterval(() => answer.write('{"status":"Downloading"}\n'), 50);
    const finish = () => {
      have('sha256:1');
      answer.end('{"status":"Pull complete"}\n');
    };
    const end = setTimeout(finish, 2_000);
    answer.on('close', () => [progress, end].map(clearTimeout));
  });
  Object.assign(limits.agent, { engineRequestMsMax: 700, pullIdleMsMax: 5_000 });
  await vi.waitFor(async () => expect(await helper.state()).toMatchObject({ ready: true }), 8_000);
  expect(pulls()).toBe(1);

  images.clear();
  images.set('another:1', 'sha256:2');
  Object.assign(limits.agent, { pullIdleMsMax: 500 });
  const said = { ready: false, detail: expect.stringContaining('could not be pulled') };
  await vi.waitFor(async () => expect(await helper.state()).toMatchObject(said), 8_000);
});

it('P4 helpers are made of the image that their name meant first', async () => {
  const { helper, images } = await helperOf((answer) => answer.end('{}'));
  images.set('helper:1', 'sha256:good');
  expect(await helper.id()).toBe('sha256:good');
  images.set('old:1', 'sha256:good').set('helper:1', 'sha256:evil');
  expect(await helper.id()).toBe('sha256:good');
});

it('an image that lacks what helpers need is none, and says what', async () => {
  const { helper, images } = await helperOf((answer) => answer.end('{"error":"not found"}\n'));
  images.set('helper:1', 'sha256:busybox');
  expect(await helper.state()).toMatchObject({ ready: false, detail: expect.stringContaining('lacks GNU tar') });
  await expect(helper.id()).rejects.toThrow('There is no helper image on this host: helper:1 (busybox) lacks GNU tar');
});

it('an image is tried again where its container was removed by a person, who removed all', async () => {
  let removals = 2;
  const removed = new Error('The probe helper ended with 137');
  const helper = createHelperImage({
    name: 'helper:1',
    here: [async () => 'sha256:here'],
    bring: [],
    lacks: async () => (removals-- > 0 ? Promise.reject(removed) : []),
    has: async () => true,
    keep: async () => {},
  });
  onTestFinished(() => helper.close());
  expect(await helper.state()).toEqual({ image: 'helper:1', ready: true, detail: '' });
  expect(removals).toBe(-1);
});

describe('brought images', () => {
  const brings = (...bring: (() => Promise<string>)[]) => {
    const here = new Set<string>();
    const kept: string[] = [];
    const helper = createHelperImage(
      {
        name: 'helper:1',
        here: [async () => null],
        bring: bring.map((way) => async () => {
          const id = await way();
          here.add(id);
          return id;
        }),
        lacks: async (id) => (id === 'sha256:poor' ? ['perl'] : []),
        has: async (id) => here.has(id),
        keep: async (id) => void kept.push(id),
      },
      bounds,
    );
    onTestFinished(() => helper.close());
    return { helper, here, kept };
  };

  it('one is made for all that ask at once, and made again when it was pruned', async () => {
    let made = 0;
    const { helper, here, kept } = brings(async () => `sha256:${++made}`);
    expect(await Promise.all([helper.id(), helper.id(), helper.state()])).toMatchObject([
      'sha256:1',
      'sha256:1',
      { ready: true },
    ]);
    here.clear();
    expect(await helper.id()).toBe('sha256:2');
    expect(kept).toEqual(['sha256:1', 'sha256:2']);
  });

  it('a way that fails, or gives a poor image, leads to the next, and all reasons are told where none is left', async () => {
    const fails = async () => Promise.reject(new Error('this host lacks GNU tar'));
    const { helper, kept } = brings(
      fails,
      async () => 'sha256:poor',
      async () => 'sha256:good',
    );
    expect(await helper.id()).toBe('sha256:good');
    expect(kept).toEqual(['sha256:good']);
    const none = brings(fails, async () => 'sha256:poor').helper;
    expect(await none.state()).toEqual({
      image: 'helper:1',
      ready: false,
      detail: 'this host lacks GNU tar; helper:1 (poor) lacks perl',
    });
  });
});
