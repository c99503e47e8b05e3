import { z } from 'zod';
import type { CommandPayload } from '../../../schema/agent-protocol.ts';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import type { StackImage, TargetFacts } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { type DockerApi, EngineAnswer, nothing } from './api.ts';

export const imageAnswer = z.object({
  Id: z.string(),
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((digests) => digests ?? []),
  RootFS: z
    .object({ Layers: z.array(z.string()).nullish() })
    .nullish()
    .transform((files) => files?.Layers ?? []),
  Os: z.string(),
  Architecture: z.string(),
  Size: z.number(),
});

const distribution = z.object({ Descriptor: z.object({ digest: z.string() }) });

export const findImage = (api: DockerApi, reference: string) =>
  api.find(`/images/${encodeURIComponent(reference)}/json`, imageAnswer);

export async function stackImageOf(api: DockerApi, reference: string, imageId: string): Promise<StackImage> {
  const image = await findImage(api, imageId);
  return {
    reference,
    image_id: image?.Id ?? null,
    repo_digests: image?.RepoDigests ?? [],
    layers: image?.RootFS ?? [],
    os: image?.Os ?? '',
    arch: image?.Architecture ?? '',
    size_bytes: image?.Size ?? 0,
  };
}

type Found = TargetFacts['images'][number];

/** Whether this host has the image, or can pull the same one: equal by content, not by tag. */
export async function locateImage(api: DockerApi, wanted: StackImage): Promise<Found> {
  const { reference } = wanted;
  const here = await findImage(api, reference);
  if (here && isSame(here, wanted))
    return { reference, state: 'present', detail: '', layers_present: wanted.layers.length };
  const layers_present = await layersPresent(api, wanted.layers);
  const remote = await askRegistry(api, wanted);
  if (remote.state === 'pullable' || !here) return { reference, ...remote, layers_present };
  return {
    reference,
    state: 'differs',
    detail: `here ${here.Id.slice(7, 19)}, on the source ${wanted.image_id?.slice(7, 19)}`,
    layers_present,
  };
}

function isSame(here: z.infer<typeof imageAnswer>, wanted: StackImage): boolean {
  return here.Id === wanted.image_id || here.RepoDigests.some((digest) => wanted.repo_digests.includes(digest));
}

/** A layer is known by all below it too: so many, from the lowest, as one image here has in common with the wanted one. */
async function layersPresent(api: DockerApi, layers: string[]): Promise<number> {
  const all = await api.get('/images/json', z.array(z.object({ Id: z.string() })));
  const images = await Promise.all(all.map(({ Id }) => findImage(api, Id)));
  const common = images.map((image) => {
    const differs = layers.findIndex((layer, index) => image?.RootFS[index] !== layer);
    return differs < 0 ? layers.length : differs;
  });
  return Math.max(0, ...common);
}

/** The registry is asked by the engine, with the engine's own way out and proxies. */
async function askRegistry(
  api: DockerApi,
  { reference, repo_digests }: StackImage,
): Promise<Omit<Found, 'reference' | 'layers_present'>> {
  const digest = repo_digests[0];
  try {
    const { Descriptor } = await api.get(
      `/distribution/${encodeURIComponent(digest ?? reference)}/json`,
      distribution,
      {
        timeoutMs: limits.agent.registryMsMax,
      },
    );
    return digest
      ? { state: 'pullable', detail: Descriptor.digest }
      : { state: 'differs', detail: 'the source’s image has no registry digest to compare with' };
  } catch (error) {
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): Omit<Found, 'reference' | 'layers_present'> {
  const message = errorMessageOf(error);
  const state = !(error instanceof EngineAnswer)
    ? 'unreachable'
    : /toomanyrequests|rate limit|429/i.test(message)
      ? 'rate_limited'
      : /dial tcp|lookup|timeout|no such host|connection refused|unreachable|i\/o|EOF|context deadline/i.test(message)
        ? 'unreachable'
        : error.status === 401 || error.status === 403 || /unauthorized|denied|authentication/i.test(message)
          ? 'unauthorized'
          : 'not_found';
  return { state, detail: message.slice(0, 200) };
}

/** Pulls what is not here, by digest, and gives it the file's name. Throws `image_unavailable`. */
export async function ensureImages(
  api: DockerApi,
  images: CommandPayload<'prepare_target'>['images'],
  signal: AbortSignal,
): Promise<void> {
  for (const image of images) {
    const here = await findImage(api, image.reference);
    if (here && isSame(here, image)) continue;
    const [digest] = image.repo_digests;
    if (!digest)
      throw new StackferryError(
        'image_unavailable',
        `${image.reference} is not here and has no registry to come from.`,
      );
    const timeoutMs = limits.step.preparingMsMax;
    await api.post(`/images/create?fromImage=${encodeURIComponent(digest)}`, undefined, nothing, {
      timeoutMs,
      signal,
      waits: true,
    });
    if (!(await findImage(api, digest)))
      throw new StackferryError('image_unavailable', `${image.reference} could not be pulled.`);
    const { repo, tag } = splitReference(image.reference);
    if (tag)
      await api.post(
        `/images/${encodeURIComponent(digest)}/tag?repo=${encodeURIComponent(repo)}&tag=${encodeURIComponent(tag)}`,
        undefined,
        nothing,
      );
  }
}

/** `host:5000/a/b:tag@sha256:…` → repo and tag; no tag where it is named by digest alone. */
export function splitReference(reference: string): { repo: string; tag: string | null } {
  const [named = '', digest] = reference.split('@');
  const colon = named.lastIndexOf(':');
  if (colon > named.lastIndexOf('/')) return { repo: named.slice(0, colon), tag: named.slice(colon + 1) };
  return { repo: named, tag: digest ? null : 'latest' };
}
