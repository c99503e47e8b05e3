import { StackferryError } from '../../../../schema/errors.ts';
import type { StackImage } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { ImageLogin, RegistryLogin } from '../../../../schema/registry-logins.ts';
import type { RegistryLogins } from '../../engine.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { stackImages } from '../facts/stack-images.ts';
import { type FoundLogin, findLogin } from './docker-config.ts';
import { askRegistry } from './image-location.ts';
import { parseReference } from './image-reference.ts';
import { registryDigests } from './images.ts';
import { registryOf } from './registry-login.ts';

/**
 * This host's registry logins for images of a stack. Which registries those are is read from the stack's containers and
 * files, whatever the control plane says.
 */
export function stackLogins(context: DockerContext): RegistryLogins {
  return {
    check: async (project, references, signal) => {
      const images = await imagesOf(context, project, references, signal);
      const found = finder();
      return Promise.all(images.map((image) => checkImage(context.api, image, found)));
    },
    collect: async (project, references, signal) => {
      const images = await imagesOf(context, project, references, signal);
      const found = finder();
      const logins = await Promise.all(images.map((image) => loginsOf(image, found)));
      const distinct = new Map(logins.flat().map((login) => [login.registry, login]));
      return [...distinct.values()].slice(0, limits.agent.registryLoginsMax);
    },
  };
}

async function imagesOf(context: DockerContext, project: string, references: string[], signal: AbortSignal) {
  const images = await stackImages(context, project, signal);
  return [...new Set(references)].map((reference) => {
    const image = images.find((one) => one.reference === reference);
    if (image) return image;
    throw new StackferryError('policy_refused', `${reference} is not an image of the stack "${project}".`);
  });
}

type Finder = (registry: string) => Promise<FoundLogin>;

/** Each registry is looked up once. */
function finder(): Finder {
  const known = new Map<string, Promise<FoundLogin>>();
  return (registry) => {
    const found = known.get(registry) ?? findLogin(registry);
    known.set(registry, found);
    return found;
  };
}

/** Names of the image in registries, those of its own repository first. */
const namesOf = (image: StackImage) =>
  registryDigests(image).map((digest) => ({ digest, registry: registryOf(parseReference(digest).repo) }));

/** `find`: this host's login for a registry. */
export async function checkImage(api: DockerApi, image: StackImage, find: Finder): Promise<ImageLogin> {
  const { reference } = image;
  const answers = await Promise.all(
    namesOf(image).map(async ({ digest, registry }): Promise<ImageLogin> => {
      const found = await find(registry);
      if (found.kind === 'unreadable') return { reference, state: 'unreadable', detail: found.why };
      if (found.kind === 'none') return { reference, state: 'none', detail: registry };
      const [{ state, detail }, without] = await Promise.all([
        askRegistry(api, digest, found.login),
        askRegistry(api, digest),
      ]);
      if (without.state === 'pullable') return { reference, state: 'unneeded', detail: registry };
      if (state === 'pullable') return { reference, state: 'accepted', detail: registry };
      return { reference, state: state === 'unreachable' ? 'unverified' : 'refused', detail };
    }),
  );
  const best = order.map((state) => answers.find((one) => one.state === state)).find((one) => one);
  return best ?? { reference, state: 'none', detail: 'it comes from no registry' };
}

const order = ['unneeded', 'accepted', 'unverified', 'refused', 'unreadable', 'none'] as const;

async function loginsOf(image: StackImage, find: Finder): Promise<RegistryLogin[]> {
  const found = await Promise.all(namesOf(image).map(({ registry }) => find(registry)));
  const logins = found.flatMap((one) => (one.kind === 'login' ? [one.login] : []));
  if (logins.length > 0) return logins;
  const [why] = found.flatMap((one) => (one.kind === 'unreadable' ? [`: ${one.why}`] : []));
  throw new StackferryError(
    'image_unavailable',
    `The source has no login for the registry of ${image.reference} any more${why ?? ''}.`,
  );
}
