import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import type { ShippedImage } from '../../../schema/agent-protocol.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ImageCarriage } from '../engine.ts';
import type { DockerApi } from './api.ts';
import { findImage } from './images.ts';

/** Images from engine to engine, as `docker save` and `docker load` write and read them. */
export function imageCarriage(api: DockerApi): ImageCarriage {
  return {
    pack: (images) => ({
      open: async (signal) => {
        const names = images.map(({ reference }) => `names=${encodeURIComponent(reference)}`).join('&');
        const saved = await api.download(`/images/get?${names}`, { signal, timeoutMs: 0, waits: true });
        const stream = pack();
        const finished = withoutLayers(saved, stream, knownLayers(images)).catch((error) => {
          stream.destroy(error);
          throw error;
        });
        finished.catch(() => {});
        return { stream: stream as unknown as Readable, finished };
      },
    }),
    unpack: (images) => ({
      open: async (signal) => {
        const stream = new PassThrough({ highWaterMark: limits.stream.chunkBytesMax });
        const finished = api
          .upload('/images/load?quiet=true', stream, { signal, timeoutMs: 0, waits: true })
          .then(() => assertLoaded(api, images))
          .catch((error) => {
            stream.destroy(error);
            throw error;
          });
        finished.catch(() => {});
        return { stream, finished };
      },
      // What is loaded twice is there once.
      reset: async () => {},
    }),
  };
}

/** Layers, by the digest that names them in an archive, that the target has below each image that uses them. */
function knownLayers(images: ShippedImage[]): Set<string> {
  const needed = new Set(images.flatMap(({ layers, layers_present }) => layers.slice(layers_present)));
  const known = images.flatMap(({ layers, layers_present }) => layers.slice(0, layers_present));
  return new Set(known.filter((layer) => !needed.has(layer)));
}

/**
 * Copies the archive but for the contents of those layers. Engines that name layers otherwise (before 25) send all: the
 * name is `blobs/sha256/<digest>` since then.
 */
async function withoutLayers(saved: Readable, packed: ReturnType<typeof pack>, known: Set<string>): Promise<void> {
  const archive = extract();
  const reading = pipeline(saved, archive);
  reading.catch(() => {});
  for await (const entry of archive) {
    const digest = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.header.name)?.[1];
    if (digest && known.has(`sha256:${digest}`)) {
      entry.resume();
      continue;
    }
    await pipeline(entry, packed.entry(entry.header));
  }
  await reading;
  packed.finalize();
}

async function assertLoaded(api: DockerApi, images: ShippedImage[]): Promise<void> {
  for (const { reference, image_id } of images) {
    const here = await findImage(api, reference);
    if (here?.Id === image_id) continue;
    throw new StackferryError('image_unavailable', `${reference} did not arrive as the source has it.`);
  }
}
