import { z } from 'zod';
import { errorMessageOf } from '../../../../schema/errors.ts';
import type { StackImage } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { RegistryLogin } from '../../../../schema/registry-logins.ts';
import { shortened } from '../../../../schema/shortened.ts';
import type { TargetFacts } from '../../../../schema/target-facts.ts';
import { type DockerApi, EngineAnswer } from '../api.ts';
import { once } from '../once.ts';
import { parseReference } from './image-reference.ts';
import { findImage, isSame, registryDigests } from './images.ts';
import { withoutLogin } from './registry-login.ts';

type Found = TargetFacts['images'][number];

/** Finds out whether this host has each image, can pull the same one, or can receive it from the source. */
export async function locateImages(api: DockerApi, wanted: StackImage[]): Promise<Found[]> {
  const store = await imageStore(api);
  // Queried only if an image may have to be sent, and once for all images.
  const layersHere = once(() => (store === 'classic' ? layersOfAll(api) : Promise.resolve([])));
  return Promise.all(wanted.map((image) => locateImage(api, image, store, layersHere)));
}

async function locateImage(
  api: DockerApi,
  wanted: StackImage,
  store: ImageStore,
  layersHere: () => Promise<string[][]>,
): Promise<Found> {
  const { reference } = wanted;
  const here = await findImage(api, reference);
  if (here && isSame(here, wanted))
    return { reference, state: 'present', detail: '', layers_present: wanted.layers.length, loadable: true };
  if (here) {
    const detail = `here ${here.Id.slice(7, 19)}, on the source ${wanted.image_id?.slice(7, 19)}`;
    return { reference, state: 'differs', detail, layers_present: 0, loadable: false };
  }
  const remote = await askRegistries(api, wanted);
  const layers_present = remote.state === 'pullable' ? 0 : layersInCommon(wanted.layers, await layersHere());
  return { reference, ...remote, layers_present, loadable: isLoadable(wanted, store) };
}

type ImageStore = 'classic' | 'containerd';

const info = z.object({ DriverStatus: z.array(z.array(z.string())).nullish() });

async function imageStore(api: DockerApi): Promise<ImageStore> {
  const { DriverStatus } = await api.get('/info', info);
  return (DriverStatus ?? []).some(([, value]) => value?.startsWith('io.containerd.snapshotter'))
    ? 'containerd'
    : 'classic';
}

/**
 * A reference by digest can be loaded only into containerd's store, which keeps digests without a registry, and only
 * from such a store.
 */
function isLoadable({ reference, image_id }: StackImage, store: ImageStore): boolean {
  const { digest } = parseReference(reference);
  return digest === null || (store === 'containerd' && digest === image_id);
}

/** Layers of each image on this host, lowest first; empty for an unreadable image. */
async function layersOfAll(api: DockerApi): Promise<string[][]> {
  const all = await api.get('/images/json', z.array(z.object({ Id: z.string() })));
  return Promise.all(
    all.slice(0, limits.agent.imagesComparedMax).map(({ Id }) =>
      findImage(api, Id).then(
        (image) => image?.RootFS ?? [],
        () => [],
      ),
    ),
  );
}

/**
 * Length of the longest common prefix of layers with an image on this host: a layer is only reusable together with all
 * below it.
 */
function layersInCommon(layers: string[], ofImages: string[][]): number {
  const common = ofImages.map((here) => {
    const differs = layers.findIndex((layer, index) => here[index] !== layer);
    return differs < 0 ? layers.length : differs;
  });
  return Math.max(0, ...common);
}

const distribution = z.object({ Descriptor: z.object({ digest: z.string() }) });
type Answer = Pick<Found, 'state' | 'detail'>;

/**
 * Queries registries through the engine, which has its own network route and proxies, and by digest: a tag may have
 * moved.
 */
async function askRegistries(api: DockerApi, wanted: StackImage): Promise<Answer> {
  const digests = registryDigests(wanted);
  if (digests.length === 0) return { state: 'not_found', detail: 'it comes from no registry' };
  const answers = await Promise.all(digests.map((digest) => askRegistry(api, digest)));
  return answers.find(({ state }) => state === 'pullable') ?? answers[0]!;
}

/** Queries the registry of one name, with a login if it is given. */
export async function askRegistry(api: DockerApi, digest: string, login?: RegistryLogin): Promise<Answer> {
  try {
    const { Descriptor } = await api.get(`/distribution/${encodeURIComponent(digest)}/json`, distribution, {
      timeoutMs: limits.agent.registryMsMax,
      login,
    });
    return { state: 'pullable', detail: Descriptor.digest };
  } catch (error) {
    const { state, detail } = refusalOf(error);
    return { state, detail: withoutLogin(detail, login) };
  }
}

/** No answer means that the registry is slow: the same engine answers everything else. */
function refusalOf(error: unknown): Answer {
  if (!(error instanceof EngineAnswer))
    return { state: 'unreachable', detail: `no answer within ${limits.agent.registryMsMax / 1000} s` };
  const message = errorMessageOf(error);
  const state = /toomanyrequests|rate limit|429/i.test(message)
    ? 'rate_limited'
    : /dial tcp|lookup|timeout|no such host|connection refused|unreachable|i\/o|EOF|context deadline/i.test(message)
      ? 'unreachable'
      : error.status === 401 ||
          error.status === 403 ||
          /unauthorized|denied|authentication|no basic auth/i.test(message)
        ? 'unauthorized'
        : 'not_found';
  return { state, detail: shortened(message, 200) };
}
