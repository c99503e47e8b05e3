import { z } from 'zod';
import type { AnonymousMount, Deployment } from '../../../../schema/deployment.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { composeLabels } from '../labels.ts';
import { type Container, inspectProject, numberOf, serviceOf } from './containers.ts';
import { removeContainer } from './removal.ts';

/** In place of Compose's hash: it matches no service, so that Compose replaces the container. */
const standInHash = 'stand-in';

/**
 * Compose makes a new anonymous volume for each new container, but one that replaces another takes over the volumes of
 * its predecessor. So each container that is to be created gets a predecessor that mounts the moved volumes, of the
 * helper image, never started. Calls `create` with true if Compose must replace containers, then removes the stand-ins.
 */
export async function withStandIns(
  context: Pick<DockerContext, 'api' | 'helper'>,
  deployment: Pick<Deployment, 'project' | 'target_dir' | 'anonymous'>,
  create: (replaces: boolean) => Promise<void>,
): Promise<void> {
  if (deployment.anonymous.length === 0) return create(false);
  const { api } = context;
  const there = await inspectProject(api, deployment.project);
  // An earlier run left them: Compose, killed before it renamed a new container, never does so later.
  const left = there.filter((container) => isStandIn(container) || isHalfReplaced(container));
  await removeEach(api, left);
  const replaces = await placeStandIns(
    context,
    deployment,
    there.filter((container) => !left.includes(container)),
  );
  try {
    await create(replaces);
  } finally {
    if (replaces) await removeEach(api, (await inspectProject(api, deployment.project)).filter(isStandIn));
  }
}

async function placeStandIns(
  { api, helper }: Pick<DockerContext, 'api' | 'helper'>,
  { project, target_dir, anonymous }: Pick<Deployment, 'project' | 'target_dir' | 'anonymous'>,
  there: Container[],
): Promise<boolean> {
  const isThere = ({ service, number }: AnonymousMount) =>
    there.some((container) => serviceOf(container) === service && numberOf(container) === number);
  const wanted = Map.groupBy(
    anonymous.filter((mount) => !isThere(mount)),
    ({ service, number }) => JSON.stringify([service, number]),
  );
  for (const mounts of wanted.values()) {
    const { service, number } = mounts[0]!;
    await api.post(
      '/containers/create',
      {
        Image: await helper.id(),
        Cmd: ['true'],
        Labels: {
          [composeLabels.project]: project,
          [composeLabels.service]: service,
          [composeLabels.number]: String(number),
          [composeLabels.oneOff]: 'False',
          [composeLabels.workingDir]: target_dir,
          [composeLabels.configHash]: standInHash,
        },
        HostConfig: {
          NetworkMode: 'none',
          Mounts: mounts.map(({ volume, target }) => ({ Type: 'volume', Source: volume, Target: target })),
        },
      },
      created,
    );
  }
  return wanted.size > 0;
}

/** Keeps their volumes, which are the stack's data. */
async function removeEach(api: DockerApi, containers: Container[]): Promise<void> {
  for (const { Id } of containers) await removeContainer(api, Id, false);
}

/** Compose creates under such a name, removes the container that it replaces, then renames. */
const isHalfReplaced = ({ Name, State, Config }: Container) =>
  /^\/[0-9a-f]{12}_/.test(Name) && State.Status === 'created' && composeLabels.replaces in Config.Labels;

const created = z.object({ Id: z.string() });

const isStandIn = ({ Config }: Container) => Config.Labels[composeLabels.configHash] === standInHash;

/**
 * Checks that each container that exists mounts its volumes: on others the stack would start empty. Throws
 * `engine_error`.
 */
export function assertAttached(containers: Container[], anonymous: AnonymousMount[]): void {
  const lost = containers.flatMap((container) =>
    anonymous
      .filter(({ service, number }) => serviceOf(container) === service && numberOf(container) === number)
      .filter(
        ({ volume, target }) =>
          !container.Mounts.some(({ Name, Destination }) => Name === volume && Destination === target),
      )
      .map(({ target }) => `${target} of ${container.Name.slice(1)}`),
  );
  if (lost.length > 0)
    throw new StackferryError('engine_error', `Compose did not take over the anonymous volumes at ${lost.join(', ')}.`);
}
