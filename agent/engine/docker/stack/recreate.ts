import type { ContainerPrior } from '../../../../schema/commands/parts.ts';
import type { AnonymousMount, Deployment } from '../../../../schema/deployment.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { createArguments } from '../../../compose/arguments.ts';
import { type DockerApi, nothing } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { joinNetworks } from '../facts/joined-networks.ts';
import { listNetworks } from '../facts/target-facts.ts';
import { lostImages, withRecordedImages } from '../images/kept-images.ts';
import { assertAttached, withStandIns } from './anonymous-volumes.ts';
import { type Container, inspectProject, setRestartPolicy } from './containers.ts';
import { compose, projectOn } from './deployment.ts';

/**
 * Repairs a stopped stack after a prune or an `rm`: recreates containers under their names, from the project's files
 * and the recorded images, and the networks that its containers are attached to. Starts none; restart policies are off.
 * `unfilled` wraps the creation, so that the Engine copies no image files into empty volumes.
 */
export async function recreate(
  context: DockerContext,
  deployment: Deployment,
  prior: ContainerPrior[],
  signal: AbortSignal,
  unfilled: (create: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { api } = context;
  const there = await inspectProject(api, deployment.project);
  const gone = goneOf(prior, there);
  const changed = unlikeThen(gone, deployment);
  if (changed.length > 0)
    throw new StackferryError(
      'engine_error',
      `Gone, and the files describe something else now: ${changed.join(', ')}.`,
    );
  const detached = await detachedOf(api, there);
  // Also what an earlier run made.
  assertAttached(there, deployment.anonymous);
  if (gone.length === 0 && detached.length === 0) return;
  // All services if only networks are gone: Compose creates the networks of the services it is given.
  const services = gone.length > 0 ? gone.map(({ service }) => service) : prior.map(({ service }) => service);
  const files = projectOn(deployment);
  const what = { services: unique(services), scale: scaleOf(gone, prior) };
  const isGone = ({ service }: AnonymousMount) => gone.some((container) => container.service === service);
  const anonymous = deployment.anonymous.filter(isGone);
  const create = () =>
    withStandIns(context, { ...deployment, anonymous }, (replaces) =>
      compose(context, files, createArguments(context.socketPath, files, { ...what, replaces }), signal),
    );
  await withRecordedImages(api, imagesOf(gone), signal, () => unfilled(create));
  const before = new Set(there.map(({ Id }) => Id));
  const made = (await inspectProject(api, deployment.project)).filter(({ Id }) => !before.has(Id));
  for (const { Id } of made) await setRestartPolicy(api, Id, { name: 'no', maximum_retry_count: 0 });
  assertAttached(made, deployment.anonymous);
  await joinNetworks(api, deployment, made);
  for (const container of detached) await reattach(api, container);
}

/** Names what prevents `recreate`. */
export async function irreplaceable(
  api: DockerApi,
  deployment: Deployment,
  prior: ContainerPrior[],
): Promise<string[]> {
  const gone = goneOf(prior, await inspectProject(api, deployment.project));
  const images = await lostImages(api, imagesOf(gone));
  return [...unlikeThen(gone, deployment), ...images.map((reference) => `image ${reference}`)];
}

/** Containers that the files no longer describe: what was accepted for the target must not come up here in their place. */
const unlikeThen = (gone: ContainerPrior[], { drifted }: Deployment): string[] =>
  gone.filter(({ service }) => drifted.includes(service)).map(({ name }) => `container ${name}`);

function goneOf(prior: ContainerPrior[], there: Container[]): ContainerPrior[] {
  const [ids, names] = [new Set(there.map(({ Id }) => Id)), new Set(there.map(({ Name }) => Name.slice(1)))];
  return prior.filter(({ id, name }) => !ids.has(id) && !names.has(name));
}

const imagesOf = (gone: ContainerPrior[]) => [
  ...new Map(gone.flatMap(({ image }) => (image ? [[image.reference, image]] : []))).values(),
];

/** As many containers of a service as were recorded, whatever the file says now. */
const scaleOf = (gone: ContainerPrior[], prior: ContainerPrior[]): Record<string, number> =>
  Object.fromEntries(
    gone.map(({ service }) => [service, prior.filter((container) => container.service === service).length]),
  );

const unique = (names: string[]) => [...new Set(names)];

/** Containers attached to a network whose id no longer exists. */
async function detachedOf(api: DockerApi, containers: Container[]): Promise<Container[]> {
  const known = new Set((await listNetworks(api)).map(({ Id }) => Id));
  return containers.filter((container) => goneNetworks(container, known).length > 0);
}

const goneNetworks = ({ NetworkSettings }: Container, known: Set<string>) =>
  Object.entries(NetworkSettings.Networks).flatMap(([name, settings]) =>
    settings?.NetworkID && !known.has(settings.NetworkID) ? [{ name, settings }] : [],
  );

/** Attaches the container to the networks that have these names now, with its former addresses and aliases. */
async function reattach(api: DockerApi, container: Container): Promise<void> {
  const known = new Set((await listNetworks(api)).map(({ Id }) => Id));
  for (const { name, settings } of goneNetworks(container, known)) {
    const { IPAMConfig, Aliases, Links, DriverOpts } = settings;
    const path = `/networks/${encodeURIComponent(name)}`;
    await api.post(`${path}/disconnect`, { Container: container.Id, Force: true }, nothing);
    const EndpointConfig = { IPAMConfig, Aliases, Links, DriverOpts };
    await api.post(`${path}/connect`, { Container: container.Id, EndpointConfig }, nothing);
  }
}
