import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';
import type { HostPower } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { startsPlainly } from '../../compose/start-work.ts';
import type { Engine } from '../engine.ts';
import { missingObjects } from '../missing-objects.ts';
import { createPlacedDirectories } from '../placed-directories.ts';
import { openDockerApi } from './api.ts';
import { assertArrivedAllowed } from './arrived-file.ts';
import { inspectAll, inspectProject, setRestartPolicy, stateOf, stopContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { assertCreatedAllowed } from './created-policy.ts';
import { dataUserStates } from './data/data-users.ts';
import { startedSince } from './data/started-since.ts';
import { assertCarriable } from './data/uncarried.ts';
import { armStack, createStack, findCreated, policiesInFile } from './deployment.ts';
import { engineInfo, helperRuntime } from './engine-info.ts';
import { sweepExchanges } from './exchanges.ts';
import { sweepHelpers } from './helper.ts';
import { createHelperImage } from './helper-image.ts';
import { hostFacts, hostResources } from './host-facts.ts';
import { imageCarriage, sweepIncoming } from './image-carriage.ts';
import { ensureImages } from './images.ts';
import { dropKeptImages, keepImages } from './kept-images.ts';
import { composeLabels } from './labels.ts';
import { createPlaces } from './places.ts';
import { placeRefusal } from './project-place.ts';
import { ownPaths } from './protected-paths.ts';
import { irreplaceable, recreate } from './recreate.ts';
import { purgeObjects, removeContainer, removeObjects } from './removal.ts';
import { createSlots } from './slots.ts';
import { stackFacts } from './stack-facts.ts';
import { restoreContainers, startStack } from './stack-start.ts';
import { stackSummaries } from './stack-summaries.ts';
import { listNetworks, targetFacts } from './target-facts.ts';
import { createUnfilled } from './unfilled-volumes.ts';
import { createVolume, findVolume } from './volumes.ts';
import { createWarmCopies } from './warm-copies.ts';

export interface DockerEngineOptions {
  socketPath: string;
  /** The docker client whose `compose` is run. */
  dockerBinary: string;
  /** Null for the built-in default. */
  helperImage: string | null;
  /** The agent's own directory; the helpers' FIFOs are made below it, so the engine must see it at the same path. */
  stateDir: string;
  stacksDir: string | null;
  allow: HostPower[];
}

/** Debian's slim image has GNU tar, find and coreutils; `getfattr` comes with ours, which is built on it. */
const defaultHelperImage = 'stackferry-helper:1';

/** The product's engine. Throws `engine_unreachable`. */
export async function createDockerEngine(options: DockerEngineOptions): Promise<Engine> {
  const api = await openDockerApi(options.socketPath);
  const ioDir = join(options.stateDir, 'io');
  await mkdir(ioDir, { recursive: true, mode: 0o700 });
  const helperName = options.helperImage ?? defaultHelperImage;
  const helper = createHelperImage(api, helperName);
  const runtime = helperRuntime(await engineInfo(api));
  const place = { api, runtime, image: helper.id, ioDir, agentId: ioDir, slots: createSlots(limits.agent.helpersMax) };
  const context: DockerContext = { ...options, api, helper, place, ownPaths: () => ownPaths(api, options) };
  const placed = createPlacedDirectories(join(options.stateDir, 'placed.json'));
  const places = createPlaces(place, placed);
  const { forget, ...warm } = createWarmCopies(api, places, join(ioDir, 'passes'));
  const assertTaken = async (project: string, directory: string) => {
    const refusal = await placeRefusal(context, project, directory);
    if (refusal) throw new StackferryError('policy_refused', `This host refuses ${directory}: ${refusal}`);
  };
  return {
    kind: 'docker',
    images: imageCarriage(api, { agentId: ioDir, helperName }),
    warm,
    host: (relays) => hostFacts(context, relays),
    resources: () => hostResources(context),
    stacks: () => stackSummaries(api),
    inspectStack: (project, signal) => stackFacts(context, project, signal),
    checkTarget: (stack) => targetFacts(context, stack),
    containers: async (project) => (await inspectProject(api, project)).map(stateOf),
    inspectContainers: async (ids) => (await inspectAll(api, ids)).map(stateOf),
    dataUsers: (places) => dataUserStates(api, places),
    startedSince: (places, sinceMs) => startedSince(api, places, sinceMs),

    missing: (objects) => missingObjects(objects, async (name) => (await findVolume(api, name)) !== null),
    projectNetworks: async (project) =>
      (await listNetworks(api, `${composeLabels.project}=${project}`)).map(({ Id }) => Id),

    disarm: async (ids) => {
      for (const id of ids) await setRestartPolicy(api, id, { name: 'no', maximum_retry_count: 0 });
    },
    stop: (ids, signal, graceMsMax) => stopContainers(api, ids, signal, graceMsMax),
    restore: (prior, signal, deployment) => restoreContainers(context, prior, signal, deployment),
    recreate: (deployment, prior, migrationId, signal) =>
      recreate(context, deployment, prior, signal, (create) =>
        // A prune may have taken the helper's image too; that the stack runs again comes first.
        createUnfilled(place, places.residences, { project: deployment.project, migrationId, signal }, create).catch(
          () => create(),
        ),
      ),
    irreplaceable: (project, prior) => irreplaceable(api, project, prior),
    keepImages: (ids, migrationId) => keepImages(api, ids, migrationId),
    dropKeptImages: (migrationId) => dropKeptImages(api, migrationId),
    measureVolume: (volume, migrationId) => places.measure({ volume }, migrationId),
    assertCarriable: ({ volumes, directory }, migrationId, signal) =>
      assertCarriable(place, [{ directory }, ...volumes.map((volume) => ({ volume }))], { migrationId, signal }),
    packVolume: (volume, migrationId) => places.pack({ volume }, migrationId),
    packProject: (directory, _project, migrationId, live) => places.pack({ directory }, migrationId, live),
    manifestVolume: (volume, migrationId, contents) => places.manifest({ volume }, migrationId, contents),
    manifestProject: (directory, _project, migrationId, contents) =>
      places.manifest({ directory }, migrationId, contents),
    standBy: async (side, wanted, migrationId) => {
      if (side === 'target') await assertTaken(wanted.project, wanted.directory);
      await places.standBy(side, wanted, migrationId);
    },
    hold: places.residences.hold,
    release: async (migrationId) => {
      await forget(migrationId);
      await places.release(migrationId);
    },

    ensureImages: (images, signal) => ensureImages(api, images, helperName, signal),
    createVolume: (spec, migrationId) => createVolume(api, spec, migrationId),
    unpackVolume: (spec, migrationId) => places.fillVolume(spec, migrationId),
    unpackProject: (directory, project, migrationId) => {
      const sink = places.fillDirectory(directory, migrationId);
      return {
        open: async (signal) => {
          await assertTaken(project, directory);
          return sink.open(signal);
        },
        reset: sink.reset,
      };
    },
    assertAllowed: async (deployment, signal) => ({
      plain: startsPlainly(await assertArrivedAllowed(context, deployment, signal)),
    }),
    createStack: (deployment, migrationId, created, signal) =>
      createUnfilled(place, places.residences, { project: deployment.project, migrationId, signal }, () =>
        createStack(context, deployment, created, signal),
      ),
    assertCreatedAllowed: ({ project, target_dir }, containers) =>
      assertCreatedAllowed(context, { project, directory: target_dir, containers }),
    discard: async (ids) => {
      for (const id of ids) await removeContainer(api, id);
    },
    findCreated: (deployment) => findCreated(api, deployment),
    startStack: (deployment, ids, signal, plain) => startStack(context, deployment, ids, signal, plain),
    policies: (deployment, signal) => policiesInFile(context, deployment, signal),
    arm: (deployment, ids, signal) => armStack(context, deployment, ids, signal),
    remove: (objects, migrationId) => removeObjects(place, placed, objects, migrationId),
    purge: (objects, migrationId) => purgeObjects(place, placed, objects, migrationId),
    sweep: async () => {
      await sweepHelpers(place);
      await sweepExchanges(ioDir);
      await sweepIncoming(api, ioDir);
    },
    close: async () => {
      helper.close();
      await api.close();
    },
  };
}
