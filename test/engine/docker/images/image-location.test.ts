import { expect, it, onTestFinished, vi } from 'vitest';
import { locateImages } from '../../../../agent/engine/docker/images/image-location.ts';
import { digestOf, ensureImages, imageAnswer } from '../../../../agent/engine/docker/images/images.ts';
import type { StackImage } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { startEngine } from '../engine-server.ts';

const inspected = (Id: string, Layers: string[], RepoDigests: string[] = []) => ({
  Id,
  RepoDigests,
  RootFS: { Layers },
  Config: { Cmd: ['sh'] },
  Os: 'linux',
  Architecture: 'amd64',
  Size: 1,
});

const onSource = inspected('sha256:source', ['1', '2', '3']);
const wanted: StackImage = {
  reference: 'app:latest',
  image_id: onSource.Id,
  content_sha256: digestOf(imageAnswer.parse(onSource)),
  repo_digests: ['app@sha256:d1'],
  layers: onSource.RootFS.Layers,
  os: 'linux',
  arch: 'amd64',
  size_bytes: 1,
};

interface Target {
  /** By name; null for one that cannot be inspected. */
  images?: Record<string, ReturnType<typeof inspected> | null>;
  /** Digests that the registry has, with what a pull brings. */
  registry?: Record<string, ReturnType<typeof inspected>>;
  store?: string;
}

async function targetOf({ images = {}, registry = {}, store = 'overlay2' }: Target) {
  const asked: string[] = [];
  const engine = await startEngine((path, answer) => {
    const json = (status: number, body: unknown) => void answer.writeHead(status).end(JSON.stringify(body));
    asked.push(path);
    if (path === '/info') return json(200, { DriverStatus: [['driver-type', store]] });
    if (path === '/images/json')
      return json(
        200,
        Object.keys(images).map((Id) => ({ Id })),
      );
    const remote = /^\/distribution\/(.+)\/json/.exec(path)?.[1];
    if (remote)
      return remote in registry ? json(200, { Descriptor: { digest: remote } }) : json(404, { message: 'no' });
    const pulled = /^\/images\/create\?fromImage=(.+)/.exec(path)?.[1];
    if (pulled) {
      const image = registry[pulled];
      if (!image) return json(404, { message: 'manifest unknown' });
      images[pulled] = image;
      return json(200, { status: 'Pull complete' });
    }
    const [, from, repo, tag] = /^\/images\/(.+)\/tag\?repo=(.+)&tag=(.+)/.exec(path) ?? [];
    if (from) {
      images[`${repo}:${tag}`] = images[from] ?? null;
      return json(201, {});
    }
    const image = images[/^\/images\/(.+)\/json/.exec(path)?.[1] ?? ''];
    return image ? json(200, image) : json(image === null ? 500 : 404, { message: 'no' });
  });
  onTestFinished(() => engine.close());
  return { api: engine.api, asked, images };
}

it('R28 a tag that means another image on the target is never moved, though its registry has the wanted one', async () => {
  const neighbour = inspected('sha256:neighbour', ['1', '9']);
  const { api, asked, images } = await targetOf({
    images: { 'app:latest': neighbour },
    registry: { 'app@sha256:d1': onSource },
  });
  expect(await locateImages(api, [wanted])).toMatchObject([{ state: 'differs' }]);
  await expect(ensureImages(api, [wanted], 'helper:1', AbortSignal.timeout(5_000))).rejects.toMatchObject({
    code: 'image_unavailable',
  });
  expect(images['app:latest']).toBe(neighbour);
  expect(asked.filter((path) => path.includes('/tag') || path.includes('/create'))).toEqual([]);
});

it('P21 an image without a registry is sent, whatever else its name means on one', async () => {
  const { api, asked } = await targetOf({ registry: { 'app:latest': inspected('sha256:public', ['7']) } });
  expect(await locateImages(api, [{ ...wanted, repo_digests: [] }])).toMatchObject([
    { state: 'not_found', loadable: true },
  ]);
  expect(asked.filter((path) => path.startsWith('/distribution'))).toEqual([]);
});

it('P10 an image with another id is there where its content is, and one with the same digest but other content is not', async () => {
  const { api } = await targetOf({ images: { 'app:latest': { ...onSource, Id: 'sha256:manifest' } } });
  expect(await locateImages(api, [wanted])).toMatchObject([{ state: 'present' }]);
  const arm = await targetOf({
    images: { 'app:latest': { ...onSource, RepoDigests: ['app@sha256:d1'], Architecture: 'arm64' } },
  });
  expect(await locateImages(arm.api, [wanted])).toMatchObject([{ state: 'differs' }]);
});

it('P10 a pulled image is checked by its content before it gets its name', async () => {
  const other = await targetOf({ registry: { 'app@sha256:d1': { ...onSource, Architecture: 'arm64' } } });
  await expect(ensureImages(other.api, [wanted], 'helper:1', AbortSignal.timeout(5_000))).rejects.toThrow(
    'not what the source runs',
  );
  expect(other.images['app:latest']).toBeUndefined();
  const right = await targetOf({ registry: { 'app@sha256:d1': onSource } });
  await ensureImages(right.api, [wanted], 'helper:1', AbortSignal.timeout(5_000));
  expect(right.images['app:latest']).toBe(onSource);
});

it.each(['app:latest', 'app', 'docker.io/library/app:latest'])(
  'P4 no image of a stack gets the name of the target’s helper, here %s',
  async (helperName) => {
    const { api, images } = await targetOf({ registry: { 'app@sha256:d1': onSource } });
    await expect(ensureImages(api, [wanted], helperName, AbortSignal.timeout(5_000))).rejects.toThrow('helper image');
    expect(images['app:latest']).toBeUndefined();
  },
);

it('P24 one odd image on the target spoils nothing: the layers of the others are known', async () => {
  const { api } = await targetOf({ images: { odd: null, base: inspected('sha256:base', ['1', '2']) } });
  expect(await locateImages(api, [{ ...wanted, repo_digests: [] }])).toMatchObject([{ layers_present: 2 }]);
});

it('P10 an engine with the containerd image store is sent all layers: it can’t load an archive without some', async () => {
  const { api } = await targetOf({
    images: { base: inspected('sha256:base', ['1', '2']) },
    store: 'io.containerd.snapshotter.v1',
  });
  expect(await locateImages(api, [{ ...wanted, repo_digests: [] }])).toMatchObject([{ layers_present: 0 }]);
});

it('R17 an image that is named by its digest is sent where the image store keeps the digest', async () => {
  const pinned = { ...wanted, reference: 'app:1@sha256:d1', image_id: 'sha256:d1' };
  const classic = await targetOf({});
  expect(await locateImages(classic.api, [pinned])).toMatchObject([{ state: 'not_found', loadable: false }]);
  const containerd = await targetOf({ store: 'io.containerd.snapshotter.v1' });
  expect(await locateImages(containerd.api, [pinned])).toMatchObject([{ state: 'not_found', loadable: true }]);
  // The classic store of the source has not kept what the digest is of.
  expect(await locateImages(containerd.api, [{ ...pinned, image_id: 'sha256:config' }])).toMatchObject([
    { loadable: false },
  ]);
});

it('R15: registries that never answer are asked side by side, given up in time, and named as what is silent', async () => {
  const before = limits.agent.registryMsMax;
  Object.assign(limits.agent, { registryMsMax: 2_000 });
  const asked = new Set<string>();
  const engine = await startEngine((path, answer) => {
    if (path.startsWith('/distribution/')) return void asked.add(path);
    if (path === '/info') return void answer.end('{}');
    if (path === '/images/json') return void answer.end('[]');
    answer.writeHead(404).end('{"message":"No such image"}');
  });
  onTestFinished(async () => {
    Object.assign(limits.agent, { registryMsMax: before });
    await engine.close();
  });
  const images = Array.from({ length: 12 }, (_, i) => ({
    ...wanted,
    reference: `far.example/app${i}:1`,
    repo_digests: [`far.example/app${i}@sha256:d${i}`, `mirror.example/app${i}@sha256:d${i}`],
  }));
  const began = performance.now();
  const finding = locateImages(engine.api, images);
  // Before the first is given up.
  await vi.waitFor(() => expect(asked.size).toBe(24), 1_500);
  const found = await finding;
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const { state, detail } of found) {
    expect(state).toBe('unreachable');
    expect(detail).not.toContain('Docker Engine');
  }
});
