import type { ServerResponse } from 'node:http';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createHelperImage } from '../../../agent/engine/docker/helper-image.ts';
import { startEngine } from './engine-server.ts';

const bounds = { helperPullWaitMs: 100, helperPullRetry: { reconnectDelayMsMin: 200, reconnectDelayMsMax: 200 } };

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
  const helper = createHelperImage(engine.api, 'helper:1', bounds);
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
  expect(await helper.state()).toMatchObject({ ready: false, detail: expect.stringContaining('is being pulled') });
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

it('P4 helpers are made of the image that their name meant first', async () => {
  const { helper, images } = await helperOf((answer) => answer.end('{}'));
  images.set('helper:1', 'sha256:good');
  expect(await helper.id()).toBe('sha256:good');
  images.set('old:1', 'sha256:good').set('helper:1', 'sha256:evil');
  expect(await helper.id()).toBe('sha256:good');
});
