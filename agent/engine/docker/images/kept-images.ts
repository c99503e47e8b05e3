import { z } from 'zod';
import type { ContainerPrior } from '../../../../schema/commands/parts.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { type DockerApi, EngineAnswer, filters, nothing } from '../api.ts';
import { inspectAll } from '../stack/containers.ts';
import { pullImage } from './image-pull.ts';
import { parseReference } from './image-reference.ts';
import { findImage } from './images.ts';

type RecordedImage = NonNullable<ContainerPrior['image']>;

const repository = 'stackferry-kept';
const tags = z.array(
  z.object({
    RepoTags: z
      .array(z.string())
      .nullish()
      .transform((list) => list ?? []),
  }),
);

/**
 * Returns the images of these containers, by container, and tags each: a prune deletes an image without a name and a
 * container, and a rollback needs it.
 */
export async function keepImages(
  api: DockerApi,
  containerIds: string[],
  migrationId: string,
): Promise<Map<string, RecordedImage>> {
  const containers = await inspectAll(api, containerIds);
  const ids = [...new Set(containers.map(({ Image }) => Image))];
  const images = await Promise.all(ids.map((id) => findImage(api, id)));
  await Promise.all(images.map((image, n) => image && nameImage(api, image.Id, `${repository}:${migrationId}-${n}`)));
  return new Map(
    containers.map(({ Id, Image, Config }) => {
      const digest = images.find((image) => image?.Id === Image)?.RepoDigests[0] ?? null;
      return [Id, { reference: Config.Image, id: Image, digest }];
    }),
  );
}

/** A tag that is the last name of an image in use stays: forcing its removal would remove the image. */
export async function dropKeptImages(api: DockerApi, migrationId: string): Promise<void> {
  const reference = [`${repository}:${migrationId}-*`];
  const kept = await api.get(`/images/json?${filters({ reference })}`, tags);
  const own = kept.flatMap(({ RepoTags }) => RepoTags).filter((tag) => tag.startsWith(`${repository}:${migrationId}-`));
  for (const tag of own)
    await api.delete(`/images/${encodeURIComponent(tag)}`).catch((error) => {
      if (!(error instanceof EngineAnswer && error.status === 409)) throw error;
    });
}

/** References of the recorded images that this host no longer has. */
export async function lostImages(api: DockerApi, recorded: RecordedImage[]): Promise<string[]> {
  const found = await Promise.all(recorded.map(({ id }) => findImage(api, id)));
  return recorded.filter((_, n) => !found[n]).map(({ reference }) => reference);
}

/**
 * Runs `work` while each reference points to the recorded image, so that containers are created from it. References
 * that pointed to another image are restored afterwards. Throws `image_unavailable`.
 */
export async function withRecordedImages(
  api: DockerApi,
  recorded: RecordedImage[],
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const restored: { name: string; id: string }[] = [];
  try {
    for (const image of recorded) {
      await pulledWhereLost(api, image, signal);
      const { repo, tag } = parseReference(image.reference);
      const named = await findImage(api, image.reference);
      if (tag === null || named?.Id === image.id) continue;
      if (named) restored.push({ name: `${repo}:${tag}`, id: named.Id });
      await nameImage(api, image.id, `${repo}:${tag}`);
    }
    await work();
  } finally {
    for (const { name, id } of restored) await nameImage(api, id, name);
  }
}

async function pulledWhereLost(api: DockerApi, image: RecordedImage, signal: AbortSignal): Promise<void> {
  if (await findImage(api, image.id)) return;
  const lost = (cause?: unknown) =>
    new StackferryError(
      'image_unavailable',
      `The image ${image.reference} (${image.id.slice(7, 19)}) was deleted from this host and could not be pulled again.`,
      { cause },
    );
  if (image.digest === null) throw lost();
  await pullImage(api, image.digest, { signal }).catch((error) => {
    throw lost(error);
  });
  if (!(await findImage(api, image.id))) throw lost();
}

async function nameImage(api: DockerApi, id: string, name: string): Promise<void> {
  const { repo, tag } = parseReference(name);
  const query = `repo=${encodeURIComponent(repo)}&tag=${encodeURIComponent(tag ?? 'latest')}`;
  await api.post(`/images/${encodeURIComponent(id)}/tag?${query}`, undefined, nothing);
}
