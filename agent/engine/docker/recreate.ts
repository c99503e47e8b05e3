import type { ContainerPrior, Deployment } from '../../../schema/agent-protocol.ts';
import { createArguments } from '../../compose/arguments.ts';
import { type DockerApi, nothing } from './api.ts';
import { type Container, inspectProject, setRestartPolicy } from './containers.ts';
import type { DockerContext } from './context.ts';
import { compose, projectOn } from './deployment.ts';
import { joinNetworks } from './joined-networks.ts';
import { lostImages, withRecordedImages } from './kept-images.ts';
import { listNetworks } from './target-facts.ts';

/**
 * Makes a stopped stack whole again after a prune or an `rm`: containers by their names, from the project's files and the
 * recorded images, and the networks that its containers are attached to. Starts none; restart policies are off. `unfilled`
 * runs the creation, so that the Engine puts no image's files into empty volumes.
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
  const detached = await detachedOf(api, there);
  if (gone.length === 0 && detached.length === 0) return;
  // Also where only networks are gone: Compose makes those of the services that it is given.
  const services = gone.length > 0 ? gone.map(({ service }) => service) : prior.map(({ service }) => service);
  const files = projectOn(deployment);
  const arguments_ = createArguments(context.socketPath, files, {
    services: unique(services),
    scale: scaleOf(gone, prior),
  });
  const create = () => compose(context, files, arguments_, signal);
  await withRecordedImages(api, imagesOf(gone), signal, () => unfilled(create));
  const before = new Set(there.map(({ Id }) => Id));
  const made = (await inspectProject(api, deployment.project)).filter(({ Id }) => !before.has(Id));
  for (const { Id } of made) await setRestartPolicy(api, Id, { name: 'no', maximum_retry_count: 0 });
  await joinNetworks(api, deployment, made);
  for (const container of detached) await reattach(api, container);
}

/** What keeps `recreate` from its work, by name. */
export async function irreplaceable(api: DockerApi, project: string, prior: ContainerPrior[]): Promise<string[]> {
  const gone = goneOf(prior, await inspectProject(api, project));
  return (await lostImages(api, imagesOf(gone))).map((reference) => `image ${reference}`);
}

function goneOf(prior: ContainerPrior[], there: Container[]): ContainerPrior[] {
  const [ids, names] = [new Set(there.map(({ Id }) => Id)), new Set(there.map(({ Name }) => Name.slice(1)))];
  return prior.filter(({ id, name }) => !ids.has(id) && !names.has(name));
}

const imagesOf = (gone: ContainerPrior[]) => [
  ...new Map(gone.flatMap(({ image }) => (image ? [[image.reference, image]] : []))).values(),
];

/** As many of a service as there were, whatever the file says now. */
const scaleOf = (gone: ContainerPrior[], prior: ContainerPrior[]): Record<string, number> =>
  Object.fromEntries(
    gone.map(({ service }) => [service, prior.filter((container) => container.service === service).length]),
  );

const unique = (names: string[]) => [...new Set(names)];

/** Containers of which a network is gone: the Engine knows it by an id that none has any more. */
async function detachedOf(api: DockerApi, containers: Container[]): Promise<Container[]> {
  const known = new Set((await listNetworks(api)).map(({ Id }) => Id));
  return containers.filter((container) => goneNetworks(container, known).length > 0);
}

const goneNetworks = ({ NetworkSettings }: Container, known: Set<string>) =>
  Object.entries(NetworkSettings.Networks).flatMap(([name, settings]) =>
    settings?.NetworkID && !known.has(settings.NetworkID) ? [{ name, settings }] : [],
  );

/** To the networks that have these names now, with the addresses and aliases that it had. */
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
