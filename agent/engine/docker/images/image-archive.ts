import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Header, type Pack } from 'tar-stream';
import { z } from 'zod';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { contentDigest, contentOfConfig } from './image-content.ts';

/**
 * Archives of `docker save`: blobs by digest, `index.json` (read by the containerd image store) and `manifest.json`
 * (read by the classic one); before Engine 25 `<id>/layer.tar` and `<id>.json`.
 */

/** Copies an archive without the contents of these layers, if they are named by the digest of their content. */
export async function copyWithoutLayers(saved: Readable, packed: Pack, known: Set<string>): Promise<void> {
  await forEachEntry(saved, async (header, entry) => {
    const digest = blobDigest(header.name);
    if (digest && known.has(digest)) entry.resume();
    else await pipeline(entry, packed.entry(header));
  });
  packed.finalize();
}

/** Returns the names to give to an image of the archive. `digest` is that of its manifest or index, if known. */
export type NamesOf = (image: { content: string; config: string; digest: string | null }) => string[];

/**
 * Copies an archive of an untrusted sender: blobs unchanged, but the lists of images rewritten with names from
 * `namesOf`, without the sender's. Images without a name are left out.
 */
export async function copyWithNames(received: Readable, packed: Pack, namesOf: NamesOf): Promise<void> {
  const small = new Map<string, Buffer>();
  let keptBytes = 0;
  await forEachEntry(received, async (header, entry) => {
    const { name, size = 0 } = header;
    const list = name === 'index.json' || name === 'manifest.json';
    if (!list && !isBlob(header)) return void entry.resume();
    if (size > limits.agent.imageJsonBytesMax) {
      if (list) throw unreadable(`its ${name} is too long`);
      return await pipeline(entry, packed.entry(plainHeader(header)));
    }
    const text = await buffer(entry);
    keptBytes += text.length;
    if (keptBytes <= limits.agent.imageJsonBytesTotal) small.set(name, text);
    if (!list) packed.entry(plainHeader(header), text);
  });
  for (const [name, value] of Object.entries(listsOf(small, namesOf)))
    packed.entry({ name, mode: 0o644 }, JSON.stringify(value));
  packed.finalize();
}

async function forEachEntry(
  archive: Readable,
  each: (header: Header, entry: Readable) => Promise<void>,
): Promise<void> {
  const entries = extract();
  const reading = pipeline(archive, entries);
  reading.catch(() => {});
  for await (const entry of entries) await each(entry.header, entry as unknown as Readable);
  await reading;
}

const blobDigest = (name: string): string | null => {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  return hex ? `sha256:${hex}` : null;
};

/** The old format stores a layer that two images share as a symlink to the other's. */
function isBlob({ name, type, linkname }: Header): boolean {
  if (type === 'symlink')
    return /^[0-9a-f]{64}\/layer\.tar$/.test(name) && /^\.\.\/[0-9a-f]{64}\/layer\.tar$/.test(linkname ?? '');
  return (
    type === 'file' && (blobDigest(name) !== null || /^[0-9a-f]{64}(\.json|\/(layer\.tar|json|VERSION))$/.test(name))
  );
}

/** Keeps only name, size and type: no owners, times or attributes. */
const plainHeader = ({ name, size, type, linkname }: Header) => ({ name, mode: 0o644, size, type, linkname });

const manifestList = z.array(z.object({ Config: z.string(), Layers: z.array(z.string()).nullish() }));
const descriptor = z.object({ mediaType: z.string().optional(), digest: z.string(), size: z.number() });
const index = z.object({ manifests: z.array(descriptor) });
const manifest = z.object({ config: descriptor });

/** Builds the lists of images for both stores; `oci-layout` declares the index. Throws `image_unavailable`. */
function listsOf(small: Map<string, Buffer>, namesOf: NamesOf): Record<string, unknown> {
  const read = <T extends z.ZodType>(name: string, as: T): z.infer<T> | null =>
    as.safeParse(jsonOf(small.get(name))).data ?? null;
  const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const contentOf = (config: string) => {
    const content = contentOfConfig(jsonOf(small.get(config)));
    return content && contentDigest(content);
  };

  /** Image configurations that a descriptor leads to: one, or one for each platform in the archive. */
  const configsOf = (digest: string, depth = 0): string[] => {
    const name = blobName(digest);
    const single = read(name, manifest);
    if (single) return [blobName(single.config.digest)];
    const nested = depth < 2 ? (read(name, index)?.manifests ?? []) : [];
    return nested.flatMap((inner) => configsOf(inner.digest, depth + 1));
  };
  const named = (configs: string[], digest: string | null) => [
    ...new Set(
      configs.flatMap((config) => {
        const content = contentOf(config);
        return content ? namesOf({ content, config, digest }) : [];
      }),
    ),
  ];

  const docker = read('manifest.json', manifestList);
  const oci = read('index.json', index);
  if (!docker) throw unreadable('it has no manifest.json');
  return {
    'manifest.json': docker.flatMap(({ Config, Layers }) => {
      const RepoTags = named([Config], null);
      return RepoTags.length > 0 ? [{ Config, RepoTags, Layers }] : [];
    }),
    ...(oci && {
      'oci-layout': { imageLayoutVersion: '1.0.0' },
      'index.json': {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: oci.manifests.flatMap((image) =>
          named(configsOf(image.digest), image.digest).map((name) => ({
            ...image,
            annotations: { 'io.containerd.image.name': name },
          })),
        ),
      },
    }),
  };
}

function jsonOf(text: Buffer | undefined): unknown {
  try {
    return text && JSON.parse(text.toString('utf8'));
  } catch {
    return null;
  }
}

const unreadable = (why: string) =>
  new StackferryError('image_unavailable', `The archive of images that the source sent can’t be read: ${why}.`);
