import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DockerApi, openDockerApi } from '../../agent/engine/docker/api.ts';
import { imageCarriage, incomingRepo, sweepIncoming } from '../../agent/engine/docker/images/image-carriage.ts';
import { locateImages } from '../../agent/engine/docker/images/image-location.ts';
import { findImage, stackImageOf } from '../../agent/engine/docker/images/images.ts';
import type { ShippedImage } from '../../schema/commands/parts.ts';
import { docker, type HostName, is, socketOf } from '../docker/two-hosts.ts';
import { makeLocalImage, removeImage } from './local-image.ts';

type Store = 'classic' | 'containerd';
const hosts: HostName[] = ['a', 'b'];
const hostWith = (store: Store) => hosts.find((host) => is(host, 'containerd') === (store === 'containerd'));
/** A pair with one image store each. */
const describeMixed = describe.skipIf(!hostWith('classic') || !hostWith('containerd'));

const name = 'chain-local:dev';
const own = { agentId: 'lab', helperName: 'sf-tools:1' };
const signal = AbortSignal.timeout(240_000);

describeMixed('an image that no registry has, between engines with the classic and the containerd image store', () => {
  let apis: Record<HostName, DockerApi>;
  beforeAll(async () => {
    apis = { a: await openDockerApi(socketOf('a')), b: await openDockerApi(socketOf('b')) };
  });
  beforeEach(async () => {
    for (const host of hosts) await removeImage(host, name);
  });
  afterAll(async () => {
    for (const host of hosts) await removeImage(host, name);
    await apis.a.close();
    await apis.b.close();
  });

  const wantedOf = async (host: HostName, reference: string) =>
    stackImageOf(apis[host], reference, (await findImage(apis[host], reference))?.Id ?? '');

  /** What the source sends of it to a target that has its lowest layer only. */
  async function packed(from: HostName, to: HostName, reference: string) {
    const wanted = await wantedOf(from, reference);
    if (from === to) await keepAside(from, reference);
    else await removeImage(to, reference);
    // As the pre-flight finds it; that would also ask a registry, which takes a while to be found absent.
    const image: ShippedImage = { ...wanted, layers_present: is(to, 'containerd') ? 0 : 1 };
    const source = await imageCarriage(apis[from], own).pack([image]).open(signal);
    const archive = await buffer(source.stream);
    await source.finished;
    return { image, archive };
  }

  /** A name that the stack does not use, so that the sent image is still there and its own name is free. */
  async function keepAside(host: HostName, reference: string) {
    await docker(host, 'tag', reference, 'aside:1');
    await docker(host, 'rmi', reference);
  }

  async function load(to: HostName, image: ShippedImage, archive: Buffer) {
    const sink = await imageCarriage(apis[to], own).unpack([image]).open(signal);
    await pipeline(Readable.from([archive]), sink.stream);
    await sink.finished;
  }

  /** To another host, or to a host as if it were another: there it is removed with all its layers first. */
  async function carry(from: HostName, to: HostName) {
    const { image, archive } = await packed(from, to, name);
    if (from === to) await docker(to, 'rmi', '-f', 'aside:1');
    await load(to, image, archive);
    return image;
  }

  const names = async (host: HostName) =>
    (await docker(host, 'images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').sort();
  const contentsOf = (host: HostName, reference = name) =>
    docker(host, 'run', '--rm', '--entrypoint', 'sha256sum', reference, '/made-here');

  const stores: Store[] = ['classic', 'containerd'];
  const chains = stores.flatMap((a) => stores.flatMap((b) => stores.map((c) => [a, b, c] as const)));

  it.each(chains)('P10 is the same, and runs, after %s → %s → %s and back', async (...chain) => {
    const places = chain.map((store) => hostWith(store)!);
    await makeLocalImage(places[0]!, name);
    const made = await wantedOf(places[0]!, name);
    const contents = await contentsOf(places[0]!);
    for (const [from, to] of [
      [places[0]!, places[1]!],
      [places[1]!, places[2]!],
      [places[2]!, places[0]!],
    ] as const) {
      const sent = await carry(from, to);
      expect(sent.content_sha256).toBe(made.content_sha256);
      expect((await wantedOf(to, name)).content_sha256).toBe(made.content_sha256);
      expect(await contentsOf(to)).toBe(contents);
    }
    expect((await names('a')).concat(await names('b')).filter((tag) => tag.includes('stackferry.invalid'))).toEqual([]);
  });

  it('P10 an image that both have is known as the same, whatever its id', async () => {
    const [there] = await locateImages(apis.b, [await wantedOf('a', 'sf-postgres:1')]);
    expect(there).toMatchObject({ state: 'present' });
    const [back] = await locateImages(apis.a, [await wantedOf('b', 'sf-postgres:1')]);
    expect(back).toMatchObject({ state: 'present' });
  });

  it.each(hosts)('P4 an archive that carries other tags moves none of them on host %s', async (victim) => {
    const source: HostName = victim === 'a' ? 'b' : 'a';
    await makeLocalImage(source, name);
    // On a hostile source all the names of the target mean the hostile image.
    const stolen = ['sf-redis:1', 'sf-tools:1'];
    const before = await Promise.all(stolen.map((tag) => findImage(apis[victim], tag)));
    const { image } = await packed(source, victim, name);
    for (const tag of stolen) {
      await docker(source, 'tag', tag, `aside-${tag}`);
      await docker(source, 'tag', name, tag);
    }
    const query = [name, ...stolen].map((tag) => `names=${encodeURIComponent(tag)}`).join('&');
    const archive = await buffer(await apis[source].download(`/images/get?${query}`, { signal, timeoutMs: 0 }));
    for (const tag of stolen) {
      await docker(source, 'tag', `aside-${tag}`, tag);
      await docker(source, 'rmi', `aside-${tag}`);
    }
    await load(victim, { ...image, layers_present: 0 }, archive);
    expect(await Promise.all(stolen.map((tag) => findImage(apis[victim], tag)))).toEqual(before);
    expect((await findImage(apis[victim], name))?.RootFS).toEqual(image.layers);
  });

  it.each(hosts)('P4 an image of other content than announced gets no name on host %s', async (victim) => {
    const source: HostName = victim === 'a' ? 'b' : 'a';
    await makeLocalImage(source, name);
    const { image, archive } = await packed(source, victim, name);
    const announced = { ...image, image_id: 'sha256:0', content_sha256: '0'.repeat(64) };
    const before = await names(victim);
    await expect(load(victim, announced, archive)).rejects.toMatchObject({ code: 'image_unavailable' });
    expect(await names(victim)).toEqual(before);
  });

  it('P24 a name that a crash left behind is swept by the agent that gave it, and spared by another', async () => {
    const given = `${incomingRepo('lab')}:crashed`;
    await docker('b', 'tag', 'sf-busybox:1', given);
    await sweepIncoming(apis.b, 'another');
    expect(await findImage(apis.b, given)).not.toBeNull();
    await sweepIncoming(apis.b, 'lab');
    expect(await findImage(apis.b, given)).toBeNull();
    expect(await findImage(apis.b, 'sf-busybox:1')).not.toBeNull();
  });

  it('R28 a tag that came to mean another image while the archive was under way is left as it is', async () => {
    await makeLocalImage('a', name);
    const { image, archive } = await packed('a', 'b', name);
    await docker('b', 'tag', 'sf-busybox:1', name);
    const neighbour = await findImage(apis.b, name);
    await expect(load('b', image, archive)).rejects.toMatchObject({ code: 'image_unavailable' });
    expect(await findImage(apis.b, name)).toEqual(neighbour);
  });

  it('R17 an image that is named by its digest arrives under that digest where the store keeps it, and runs', async () => {
    const host = hostWith('containerd')!;
    await makeLocalImage(host, name);
    const contents = await contentsOf(host);
    const { Id } = (await findImage(apis[host], name))!;
    const pinned = `chain-local@${Id}`;
    const wanted: ShippedImage = { ...(await wantedOf(host, pinned)), layers_present: 0 };
    const source = await imageCarriage(apis[host], own).pack([wanted]).open(signal);
    const archive = await buffer(source.stream);
    await source.finished;
    await removeImage(host, name);
    expect(await findImage(apis[host], pinned)).toBeNull();
    expect(await locateImages(apis[host], [wanted])).toMatchObject([{ loadable: true }]);
    await load(host, wanted, archive);
    expect(await contentsOf(host, pinned)).toBe(contents);
    await docker(host, 'rmi', '-f', pinned);
  });
});
