import { z } from 'zod';
import type { CommandPayload } from '../../../../schema/commands.ts';
import { errorMessageOf, StackferryError } from '../../../../schema/errors.ts';
import type { StackImage } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { RegistryLogin } from '../../../../schema/registry-logins.ts';
import type { DockerApi } from '../api.ts';
import { contentDigest } from './image-content.ts';
import { pullImage } from './image-pull.ts';
import { canonicalRepo, isSameName, parseReference } from './image-reference.ts';
import { registryOf, withoutLogin } from './registry-login.ts';

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
  Config: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((config) => config ?? {}),
  Os: z.string(),
  Architecture: z.string(),
  Variant: z.string().default(''),
  Size: z.number(),
});
export type FoundImage = z.infer<typeof imageAnswer>;

export const findImage = (api: DockerApi, reference: string) =>
  api.find(`/images/${encodeURIComponent(reference)}/json`, imageAnswer);

export const digestOf = ({ RootFS, Os, Architecture, Variant, Config }: FoundImage): string =>
  contentDigest({ layers: RootFS, os: Os, arch: Architecture, variant: Variant, config: Config });

export async function stackImageOf(api: DockerApi, reference: string, imageId: string): Promise<StackImage> {
  const image = await findImage(api, imageId);
  return {
    reference,
    image_id: image?.Id ?? null,
    content_sha256: image && digestOf(image),
    repo_digests: image?.RepoDigests ?? [],
    layers: image?.RootFS ?? [],
    os: image?.Os ?? '',
    arch: image?.Architecture ?? '',
    size_bytes: image?.Size ?? 0,
  };
}

/**
 * Compares content: an image's id differs between image stores, and a registry's digest may cover several platforms.
 */
export function isSame(here: FoundImage, wanted: StackImage): boolean {
  if (wanted.content_sha256) return digestOf(here) === wanted.content_sha256;
  return here.Id === wanted.image_id || here.RepoDigests.some((digest) => wanted.repo_digests.includes(digest));
}

/** Digests under which a registry may have the image, those of the stack's own repository first. */
export function registryDigests({ reference, repo_digests }: StackImage): string[] {
  const { repo, digest } = parseReference(reference);
  const own = canonicalRepo(repo);
  const isOwn = (name: string) => canonicalRepo(parseReference(name).repo) === own;
  if (digest) return [`${repo}@${digest}`];
  return [...repo_digests.filter(isOwn), ...repo_digests.filter((name) => !isOwn(name))].slice(
    0,
    limits.agent.registryDigestsMax,
  );
}

/**
 * A tag that refers to another image on this host is left alone: another stack's next start would run this one's image.
 */
export function assertNameIsFree(here: FoundImage | null, wanted: StackImage): void {
  if (!here || isSame(here, wanted)) return;
  throw new StackferryError(
    'image_unavailable',
    `${wanted.reference} has come to mean another image on the target. It is left as it is.`,
  );
}

/**
 * Pulls missing images by digest and tags them with the file's name. A login is used for its own registry only. Throws
 * `image_unavailable`.
 */
export async function ensureImages(
  api: DockerApi,
  images: CommandPayload<'prepare_target'>['images'],
  helperName: string,
  signal: AbortSignal,
  logins: readonly RegistryLogin[] = [],
): Promise<void> {
  for (const image of images) {
    const here = await findImage(api, image.reference);
    assertNameIsFree(here, image);
    if (here) continue;
    const digest = await pullOne(api, image, signal, logins);
    const { tag } = parseReference(image.reference);
    if (tag) await tagImage(api, digest, image, helperName);
  }
}

/** Returns the digest that was pulled. */
async function pullOne(
  api: DockerApi,
  image: StackImage,
  signal: AbortSignal,
  logins: readonly RegistryLogin[],
): Promise<string> {
  const faults: string[] = [];
  for (const digest of registryDigests(image)) {
    const registry = registryOf(parseReference(digest).repo);
    const login = logins.find((one) => one.registry === registry);
    try {
      await pullImage(api, digest, { signal, login });
      const pulled = await findImage(api, digest);
      if (pulled && isSame(pulled, image)) return digest;
      faults.push(`${digest} is not what the source runs`);
    } catch (error) {
      signal.throwIfAborted();
      faults.push(withoutLogin(errorMessageOf(error), login));
    }
  }
  throw new StackferryError(
    'image_unavailable',
    `${image.reference} could not be pulled: ${faults.join(', ') || 'no registry is known to have it'}.`,
  );
}

/**
 * Tags the image with the stack's name, unless that refers to another image. Refuses the name of this host's helper
 * image.
 */
export async function tagImage(api: DockerApi, from: string, wanted: StackImage, helperName: string): Promise<void> {
  const { repo, tag } = parseReference(wanted.reference);
  if (isSameName(wanted.reference, helperName))
    throw new StackferryError('image_unavailable', `${wanted.reference} is the name of the target's helper image.`);
  assertNameIsFree(await findImage(api, wanted.reference), wanted);
  await api.post(
    `/images/${encodeURIComponent(from)}/tag?repo=${encodeURIComponent(repo)}&tag=${encodeURIComponent(tag ?? '')}`,
    undefined,
    z.unknown(),
  );
}
