import { createHash, randomUUID } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { pack } from 'tar-stream';
import { z } from 'zod';
import type { ShippedImage } from '../../../../schema/commands/parts.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import type { ImageCarriage } from '../../engine.ts';
import { type DockerApi, filters } from '../api.ts';
import { copyWithNames, copyWithoutLayers, type NamesOf } from './image-archive.ts';
import { canonicalRepo, parseReference } from './image-reference.ts';
import { findImage, isSame, tagImage } from './images.ts';

export interface ImageCarriageOptions {
  /** Unique to this agent. */
  agentId: string;
  helperName: string;
}

/** Transfers images from engine to engine, in the format of `docker save` and `docker load`. */
export function imageCarriage(api: DockerApi, { agentId, helperName }: ImageCarriageOptions): ImageCarriage {
  return {
    pack: (images) => ({
      open: async (signal) => {
        // By id: a tag may have moved since the containers were created.
        const names = [...new Set(images.map(({ image_id }) => `names=${encodeURIComponent(image_id ?? '')}`))];
        const saved = await api.download(`/images/get?${names.join('&')}`, { signal, timeoutMs: 0, waits: true });
        const stream = pack();
        const finished = copyWithoutLayers(saved, stream, knownLayers(images)).catch((error) => {
          stream.destroy(error);
          throw error;
        });
        finished.catch(() => {});
        return { stream: stream as unknown as Readable, finished };
      },
    }),
    unpack: (images) => ({
      open: async (signal) => {
        const incoming = images.map((image) => ({ image, name: `${incomingRepo(agentId)}:${randomUUID()}` }));
        const stream = copied();
        const finished = load(api, stream, incoming, helperName, signal).catch((error) => {
          stream.destroy(error);
          throw error;
        });
        finished.catch(() => {});
        return { stream, finished };
      },
      // Loading an image twice has no further effect.
      reset: async () => {},
    }),
  };
}

/** Digests of the layers that the target already has, for every image that uses them. */
function knownLayers(images: ShippedImage[]): Set<string> {
  const needed = new Set(images.flatMap(({ layers, layers_present }) => layers.slice(layers_present)));
  const known = images.flatMap(({ layers, layers_present }) => layers.slice(0, layers_present));
  return new Set(known.filter((layer) => !needed.has(layer)));
}

/** The lane reuses a chunk's memory once it is written, but an archive's reader holds on to it for longer. */
const copied = () =>
  new Transform({
    highWaterMark: limits.stream.chunkBytesMax,
    transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk)),
  });

/** A repository without a registry, for images that are not verified yet. Unique to this agent. */
export const incomingRepo = (agentId: string) =>
  `stackferry.invalid/incoming/${createHash('sha256').update(agentId).digest('hex').slice(0, 16)}`;

interface Incoming {
  image: ShippedImage;
  name: string;
}

async function load(
  api: DockerApi,
  archive: Readable,
  incoming: Incoming[],
  helperName: string,
  signal: AbortSignal,
): Promise<void> {
  const renamed = pack();
  const copying = copyWithNames(archive, renamed, namesFor(incoming));
  const loading = api.upload('/images/load?quiet=true', Readable.from(renamed, { objectMode: false }), {
    signal,
    timeoutMs: 0,
    waits: true,
  });
  try {
    await Promise.all([copying, loading]);
    for (const { image, name } of incoming) await accept(api, image, name, helperName);
  } catch (error) {
    // Each has to stop when the other fails.
    renamed.destroy();
    archive.destroy();
    throw error;
  } finally {
    await Promise.allSettled([copying, loading]);
    await dropIncoming(
      api,
      incoming.map(({ name }) => name),
    );
  }
}

/** Assigns each image a temporary name, and its digest if the reference has one, which containerd's store keeps. */
const namesFor =
  (incoming: Incoming[]): NamesOf =>
  ({ content, config, digest }) =>
    incoming.flatMap(({ image, name }) => {
      const { repo, digest: pinned } = parseReference(image.reference);
      const wanted =
        content === image.content_sha256 || (image.image_id !== null && config.includes(image.image_id.slice(7)));
      if (!wanted) return [];
      return pinned && pinned === digest ? [name, `${canonicalRepo(repo)}@${pinned}`] : [name];
    });

async function accept(api: DockerApi, image: ShippedImage, name: string, helperName: string): Promise<void> {
  const { tag } = parseReference(image.reference);
  const loaded = await findImage(api, name);
  if (!loaded || !isSame(loaded, image))
    throw new StackferryError('image_unavailable', `${image.reference} did not arrive as the source has it.`);
  if (tag) await tagImage(api, name, image, helperName);
}

/** Deletes an image whose only name this is, but not its parents. */
async function dropIncoming(api: DockerApi, names: string[]): Promise<void> {
  await Promise.all(
    names.map((name) => api.delete(`/images/${encodeURIComponent(name)}?noprune=true`).catch(() => false)),
  );
}

/** Removes names that a crash of this agent left behind. */
export async function sweepIncoming(api: DockerApi, agentId: string): Promise<void> {
  const repo = incomingRepo(agentId);
  const left = await api.get(
    `/images/json?${filters({ reference: [repo] })}`,
    z.array(z.object({ RepoTags: z.array(z.string()).nullish() })),
  );
  const names = left.flatMap(({ RepoTags }) => RepoTags ?? []);
  await dropIncoming(
    api,
    names.filter((name) => name.startsWith(`${repo}:`)),
  );
}
