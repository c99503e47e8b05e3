import { z } from 'zod';
import { errorMessageOf } from '../../../../../schema/errors.ts';
import { limits } from '../../../../../schema/limits.ts';
import type { DockerApi } from '../../api.ts';
import { pullImage } from '../../images/image-pull.ts';
import { type FoundImage, findImage } from '../../images/images.ts';
import { helperImageLabel } from '../../labels.ts';
import { environmentOf, hostArchive, layerDigest } from './host-archive.ts';
import { hostPrograms } from './host-programs.ts';

/** A slim Debian has everything that helpers use. The digest is of the index, so it covers every architecture. */
const baseImage = 'debian@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f';

export const helperRepository = 'stackferry-helper';

/** Imports an image of the host's own programs unless it exists already. Returns its id. */
export async function imageOfHost(api: DockerApi, version: string, signal: AbortSignal): Promise<string> {
  const programs = await hostPrograms();
  const layer = await layerDigest(hostArchive(programs));
  const environment = environmentOf(programs);
  const named = await findImage(api, `${helperRepository}:${version}`);
  if (named && isMadeOf(named, layer, environment)) return named.Id;
  const changes = [...environment.map((each) => `ENV ${each}`), `LABEL ${helperImageLabel}=${version}`];
  const query = changes.map((change) => `changes=${encodeURIComponent(change)}`).join('&');
  const { status, error } = await api.post(
    `/images/create?fromSrc=-&${query}`,
    hostArchive(programs),
    z.object({ status: z.string().optional(), error: z.string().optional() }),
    { signal, timeoutMs: limits.agent.helperImageMsMax, waits: true },
  );
  const made = status ? await findImage(api, status) : null;
  if (!made || !isMadeOf(made, layer, environment))
    throw new Error(`Docker did not import this host's programs as they are${error ? `: ${error}` : ''}`);
  return await tagged(api, made, version);
}

/** Pulls the pinned base image. Returns its id. */
export async function imageOfRegistry(api: DockerApi, version: string, signal: AbortSignal): Promise<string> {
  const pulled = await pulledImage(api, baseImage, `${baseImage.slice(0, 20)}…`, signal);
  return await tagged(api, pulled, version);
}

/** Pulls an image and inspects it. Throws a sentence that begins with `subject`. */
export async function pulledImage(
  api: DockerApi,
  reference: string,
  subject: string,
  signal: AbortSignal,
): Promise<FoundImage> {
  await pullImage(api, reference, { signal }).catch((error) => {
    throw new Error(`${subject} could not be pulled: ${errorMessageOf(error)}`);
  });
  const pulled = await findImage(api, reference);
  if (!pulled) throw new Error(`${reference} was pulled, and is not here`);
  return pulled;
}

/**
 * True if the image is exactly an import of this layer with this environment. The rest of its configuration must be
 * empty: a forged image could run code on a volume, by a health check or a PATH into it.
 */
export function isMadeOf({ RootFS, Config }: FoundImage, layer: string, environment: string[]): boolean {
  const { Env, Labels: _, ...rest } = Config;
  const sameLayers = RootFS.length === 1 && RootFS[0] === layer;
  const sameEnvironment = JSON.stringify(Env) === JSON.stringify(environment);
  return sameLayers && sameEnvironment && Object.values(rest).every(isEmpty);
}

const isEmpty = (value: unknown): boolean =>
  !value || value === '/' || (typeof value === 'object' && Object.keys(value).length === 0);

/**
 * Tags the image, which protects it from a prune of untagged ones, without taking a tag from another image. Returns its
 * id.
 */
async function tagged(api: DockerApi, { Id }: FoundImage, version: string): Promise<string> {
  const taken = await findImage(api, `${helperRepository}:${version}`);
  const tag = !taken || taken.Id === Id ? version : `${version}-${Id.replace('sha256:', '').slice(0, 12)}`;
  await api.post(`/images/${encodeURIComponent(Id)}/tag?repo=${helperRepository}&tag=${tag}`, undefined, z.unknown());
  return Id;
}
