import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostPrivilege } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { learnPlugin } from '../../compose/client.ts';
import type { PathMap } from '../../path-map.ts';
import { ownCommand } from '../../permissions/allow-line.ts';
import { createPermissions } from '../../permissions/permissions.ts';
import { openCreatedDirectories } from '../created-directories.ts';
import type { Engine } from '../engine.ts';
import { missingObjects } from '../missing-objects.ts';
import { treeOf } from '../tree.ts';
import { adoptedLabels } from './adoption/adopted-file.ts';
import { type DockerApi, openDockerApi } from './api.ts';
import type { DockerContext } from './context.ts';
import { mountersOf } from './data/bind-trees.ts';
import { dataUserStates } from './data/data-users.ts';
import { createMigratedMounts } from './data/migrated-mounts.ts';
import { startedSince } from './data/started-since.ts';
import { assertCarriable } from './data/uncarried.ts';
import { engineInfo, helperRuntime } from './facts/engine-info.ts';
import { hostFacts, hostResources } from './facts/host-facts.ts';
import { assertOwnContainer, hiddenStacks, ownContainer } from './facts/own-container.ts';
import { stackFacts } from './facts/stack-facts.ts';
import { stackSummaries } from './facts/stack-summaries.ts';
import { listNetworks, targetFacts } from './facts/target-facts.ts';
import { sweepHelpers } from './helper/helper.ts';
import { createHelperImage } from './helper/image/helper-image.ts';
import { helperImageWays } from './helper/image/ways.ts';
import { sweepExchanges } from './helper/job-dirs.ts';
import { createSlots } from './helper/slots.ts';
import { imageCarriage, sweepIncoming } from './images/image-carriage.ts';
import { ensureImages } from './images/images.ts';
import { dropKeptImages, keepImages } from './images/kept-images.ts';
import { stackLogins } from './images/stack-logins.ts';
import { composeLabels, migrationLabel } from './labels.ts';
import { arrivingDirectories, assertProjectPlace } from './policy/arriving-directories.ts';
import { assertCreatedAllowed } from './policy/created-policy.ts';
import { assertBindMounts } from './policy/leaving-binds.ts';
import { ownPaths } from './policy/protected-paths.ts';
import { assertStackAllowed } from './policy/stack-allowed.ts';
import { createWarmCopies } from './precopy/volume-copies.ts';
import { accepting } from './stack/accepting.ts';
import { inspectAll, inspectProject, setRestartPolicy, stateOf, stopContainers } from './stack/containers.ts';
import { armStack, createStack, findCreated, policiesInFile } from './stack/deployment.ts';
import { createNetwork, removeNetworks } from './stack/external-network.ts';
import { healthChanges } from './stack/health-changes.ts';
import { lastLines } from './stack/last-lines.ts';
import { createOptionVolume } from './stack/option-volumes.ts';
import { irreplaceable, recreate } from './stack/recreate.ts';
import { purgeObjects, removeContainer, removeObjects } from './stack/removal.ts';
import { restoreContainers, startStack } from './stack/stack-start.ts';
import { createUnfilled } from './stack/unfilled-volumes.ts';
import { createVolume, findVolume } from './stack/volumes.ts';

export interface DockerEngineOptions {
  socketPath: string;
  /** The docker client that runs `compose`. */
  dockerBinary: string;
  /** Null for one that the agent finds or builds. */
  helperImage: string | null;
  /** The agent's own directory. The helpers' FIFOs are below it, so the engine must see it at the same path. */
  stateDir: string;
  stacksDir: string | null;
  allow: HostPrivilege[];
  allowKeys: string[];
  pathMaps: PathMap[];
  /** The launcher of install.sh started this agent. */
  launched?: boolean;
  /** Receives reasons why the agent is not fully functional. */
  warn?: (message: string) => void;
}

/** The product's engine. Throws `engine_unreachable`. */
export async function createDockerEngine(options: DockerEngineOptions): Promise<Engine> {
  const api = await openDockerApi(options.socketPath, adoptedLabels(options.stateDir));
  const ioDir = join(options.stateDir, 'io');
  await mkdir(ioDir, { recursive: true, mode: 0o700 });
  const info = await engineInfo(api);
  const runtime = helperRuntime(info);
  const own = await ownContainer(api);
  assertOwnContainer(own, { ...options, dataRoot: info.dataRoot });
  const helpers = { api, runtime, ioDir, agentId: ioDir, slots: createSlots(limits.agent.helpersMax) };
  const ways = helperImageWays(helpers, {
    named: options.helperImage,
    ownImage: own?.image ?? null,
    stateDir: options.stateDir,
  });
  const helper = createHelperImage(ways);
  const place = { ...helpers, image: helper.id };
  const command = ownCommand({ container: own?.name ?? null, launched: options.launched ?? false });
  const permissions = createPermissions({ ...options, command });
  const reached = () => ownPaths(api, options);
  const context: DockerContext = { ...options, api, own, helper, place, permissions, command, ownPaths: reached };
  if (own) for (const advice of hiddenStacks(own, await stackSummaries(context))) options.warn?.(advice);
  const placed = openCreatedDirectories(join(options.stateDir, 'placed.json'));
  const mounts = createMigratedMounts(place, placed);
  const { forget, ...warm } = createWarmCopies(api, mounts, join(ioDir, 'passes'));
  return {
    kind: 'docker',
    images: imageCarriage(api, { agentId: ioDir, helperName: ways.name }),
    warm,
    logins: stackLogins(context),
    host: (relays) => hostFacts(context, relays),
    resources: () => hostResources(context),
    stacks: () => stackSummaries(context),
    inspectStack: (project, signal, given) => stackFacts(context, project, signal, given),
    checkTarget: (stack, asked) => targetFacts(context, stack, asked),
    containers: async (project) => (await inspectProject(api, project)).map(stateOf),
    inspectContainers: async (ids) => (await inspectAll(api, ids)).map(stateOf),
    healthChanges: (ids, signal) => healthChanges(api, ids, signal),
    ...{ accepting: (ids) => accepting(api, ids), lastLines: (id, linesMax) => lastLines(api, id, linesMax) },
    dataUsers: (data) => dataUserStates(context, data),
    startedSince: (data, sinceMs) => startedSince(api, data, sinceMs),

    missing: (objects, madeBy) =>
      missingObjects(objects, { makerOf: (name) => makerOf(api, name), holds: placed.holds }, madeBy),
    projectNetworks: async (project) =>
      (await listNetworks(api, `${composeLabels.project}=${project}`)).map(({ Id }) => Id),

    disarm: async (ids) => {
      for (const id of ids) await setRestartPolicy(api, id, { name: 'no', maximum_retry_count: 0 });
    },
    stop: (ids, signal, graceMsMax) => stopContainers(api, ids, signal, graceMsMax),
    restore: (prior, signal, deployment) => restoreContainers(context, prior, signal, deployment),
    recreate: (deployment, prior, migrationId, signal) =>
      recreate(context, deployment, prior, signal, (create) =>
        // A prune may have removed the helper's image too; restarting the stack takes precedence.
        createUnfilled(place, mounts.helperPool, { ...deployment, migrationId, signal }, create).catch(() => create()),
      ),
    irreplaceable: (deployment, prior) => irreplaceable(api, deployment, prior),
    keepImages: (ids, migrationId) => keepImages(api, ids, migrationId),
    dropKeptImages: (migrationId) => dropKeptImages(api, migrationId),
    mountersOf: (directory, project) => mountersOf(context, directory, project),
    assertBindMounts: (project, binds) => assertBindMounts(context, project, binds),
    measure: mounts.measure,
    assertCarriable: ({ volumes, directory, binds, exclude = [] }, migrationId, signal) => {
      const trees = [directory, ...volumes, ...binds].map((name) => treeOf(name, exclude));
      return assertCarriable(place, trees, { migrationId, signal });
    },
    pack: mounts.pack,
    manifest: mounts.manifest,
    learnContents: mounts.learnContents,
    standBy: async (side, wanted, migrationId) => {
      if (side === 'target') await assertProjectPlace(context, wanted.project, wanted.directory);
      await mounts.standBy(side, wanted, migrationId);
    },
    hold: mounts.helperPool.hold,
    release: async (migrationId) => {
      await forget(migrationId);
      await mounts.release(migrationId);
    },

    ensureImages: (images, signal, logins) => ensureImages(api, images, ways.name, signal, logins),
    createVolume: (spec, migrationId) => createVolume(api, spec, migrationId),
    createOptionVolume: (spec, stack, migrationId) => createOptionVolume(context, spec, stack, migrationId),
    createNetwork: (spec, migrationId) => createNetwork(api, spec, migrationId),
    removeNetworks: (names, migrationId) => removeNetworks(api, names, migrationId),
    unpackVolume: (spec, migrationId) => mounts.fillVolume(spec, migrationId),
    ...arrivingDirectories(context, mounts),
    assertAllowed: (deployment, source, signal) => assertStackAllowed(context, deployment, source, signal),
    createStack: (deployment, migrationId, created, signal) =>
      createUnfilled(place, mounts.helperPool, { ...deployment, migrationId, signal }, () =>
        createStack(context, deployment, created, signal),
      ),
    assertCreatedAllowed: ({ project, target_dir }, source, containers) =>
      assertCreatedAllowed(context, { project, source, directory: target_dir, containers }),
    discard: async (ids) => {
      for (const id of ids) await removeContainer(api, id);
    },
    findCreated: (deployment) => findCreated(api, deployment),
    startStack: (deployment, ids, signal, plain) => startStack(context, deployment, ids, signal, plain),
    policies: (deployment, signal) => policiesInFile(context, deployment, signal),
    arm: (deployment, ids, signal) => armStack(context, deployment, ids, signal),
    remove: (objects, migrationId) => removeObjects(place, placed, objects, migrationId),
    purge: (objects, migrationId) => purgeObjects(context, placed, objects, migrationId),
    sweep: async () => {
      await sweepHelpers(place);
      await sweepExchanges(ioDir);
      await sweepIncoming(api, ioDir);
      void learnPlugin(options.dockerBinary);
      // Started early: it takes a while if a registry has to be queried.
      void helper.state();
    },
    close: async () => {
      helper.close();
      await api.close();
    },
  };
}

/** Returns the migration that created a volume: null if none did, undefined if there is no such volume. */
async function makerOf(api: DockerApi, name: string): Promise<string | null | undefined> {
  const volume = await findVolume(api, name);
  return volume ? (volume.Labels[migrationLabel] ?? null) : undefined;
}
