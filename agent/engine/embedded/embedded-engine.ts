import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { measureResources } from '../../../node/resources.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { HostPrivilege } from '../../../schema/facts.ts';
import { openCreatedDirectories } from '../created-directories.ts';
import type { Engine } from '../engine.ts';
import { missingObjects } from '../missing-objects.ts';
import { reachIn, type Tree } from '../tree.ts';
import { changeContainer, startContainer, stateOf, stopContainer } from './containers.ts';
import {
  armStack,
  createStack,
  disarmContainers,
  policyOf,
  ranBefore,
  recordsOf,
  recreateGone,
  startInOrder,
} from './deployment.ts';
import { createHealthProbes } from './health-probes.ts';
import { measureHost } from './host-facts.ts';
import { belowStacks, openHostRoot } from './host-root.ts';
import { packTree } from './pack-tree.ts';

import { purgeObjects, removeCreated } from './removal.ts';
import { inspectStack, summarizeStacks } from './stack-facts.ts';
import { superviseContainers } from './supervisor.ts';
import { checkTarget } from './target-facts.ts';
import { manifestOfTree } from './tree-manifest.ts';
import { measureTree } from './tree-walk.ts';
import { unpackTree } from './unpack-tree.ts';
import { assertMadeBy, dataOf, emptyVolume, findVolume, makeVolume } from './volume-store.ts';

/**
 * An engine for trying Stackferry out, and for its tests: volumes are directories, containers are plain child processes
 * that outlive the agent. It isolates nothing and supports no xattrs, devices or FIFOs.
 */
export async function createEmbeddedEngine(options: {
  root: string;
  allow?: readonly HostPrivilege[];
}): Promise<Engine> {
  const host = await openHostRoot(options.root);
  const probes = createHealthProbes(host);
  const placed = openCreatedDirectories(join(host.root, 'placed.json'));
  const supervisor = await superviseContainers(host, probes);
  const placeOf = (tree: Tree) => ('volume' in tree ? dataOf(host, tree.volume) : tree.directory);
  const statesOf = async (ids: string[]) =>
    Promise.all((await recordsOf(host, ids)).map((record) => stateOf(host, record, probes)));
  const ofProject = async (project: string) =>
    (await host.containers.all()).filter((record) => record.project === project);

  return {
    kind: 'embedded',
    images: null,
    warm: null,

    host: (relays) => measureHost(host, relays),
    resources: () => measureResources(host.root),
    stacks: () => summarizeStacks(host),
    inspectStack: (project) => inspectStack(host, project),
    checkTarget: (stack) => checkTarget(host, stack, options.allow ?? []),
    containers: async (project) =>
      Promise.all((await ofProject(project)).map((record) => stateOf(host, record, probes))),
    inspectContainers: statesOf,
    // A volume's name begins with its project's: no other project can mount it.
    dataUsers: async ({ project }) => {
      const records = await ofProject(project);
      return Promise.all(records.map(async (record) => ({ ...(await stateOf(host, record, probes)), of_stack: true })));
    },

    missing: (objects, madeBy) => {
      const makerOf = async (name: string) => {
        const volume = await findVolume(host, name);
        return volume ? volume.migration_id : undefined;
      };
      const holds = async (path: string, by: string) => placed.holds(belowStacks(host, path), by);
      return missingObjects(objects, { makerOf, holds }, madeBy);
    },
    projectNetworks: async (project) =>
      (await host.networks.all()).filter((network) => network.project === project).map(({ id }) => id),

    disarm: (ids) => disarmContainers(host, ids),
    stop: async (ids, signal, graceMsMax) => {
      const records = await recordsOf(host, ids);
      const killed = await Promise.all(records.map((record) => stopContainer(host, record.id, signal, graceMsMax)));
      return records.filter((_, index) => killed[index]).map(({ name }) => name);
    },
    restore: async (prior, signal) => {
      for (const { id, restart_policy } of prior) await changeContainer(host, id, { policy: restart_policy });
      for (const { id, name, running } of prior) {
        signal.throwIfAborted();
        const record = running ? await host.containers.find(id) : null;
        if (running && !record)
          throw new StackferryError('command_failed', `The container "${name}" is gone and cannot be put back.`);
        if (record) await startContainer(host, id);
      }
    },
    recreate: (deployment, prior) => recreateGone(host, deployment, prior),
    assertBindMounts: async (_project, binds) => {
      if (binds.length > 0) noBindMounts();
    },
    measure: async (tree) => {
      if (reachIn(tree).length > 0)
        throw new StackferryError('command_failed', 'The embedded engine leaves nothing out.');
      return { bytes: await measureTree(placeOf(tree)), mark: null };
    },
    pack: (tree) => packTree(placeOf(tree)),
    manifest: (tree, _migrationId, contents) => manifestOfTree(placeOf(tree), contents !== null),

    ensureImages: async (images) => {
      const unknown = images.find(({ reference }) => !reference.startsWith('embedded/'));
      if (unknown)
        throw new StackferryError('image_unavailable', `The embedded engine has no image "${unknown.reference}".`);
    },
    createVolume: (spec, migrationId) => makeVolume(host, spec, migrationId),
    unpackVolume: ({ name }, migrationId) => ({
      open: async (signal) => {
        await assertMadeBy(host, name, migrationId);
        return unpackTree(dataOf(host, name), signal);
      },
      reset: () => emptyVolume(host, name, migrationId),
    }),
    createDirectory: noBindMounts,
    unpackDirectory: noBindMounts,
    unpackProject: (directory, _project, migrationId) => ({
      open: async (signal) => {
        await placed.claim(belowStacks(host, directory), migrationId);
        return unpackTree(directory, signal);
      },
      reset: async () => {
        await placed.empty(belowStacks(host, directory), migrationId);
        await mkdir(host.stacks, { recursive: true });
      },
    }),
    createStack: (deployment, migrationId, created) => createStack(host, deployment, migrationId, created),
    findCreated: async ({ project }, migrationId) => {
      const made = (found: { project: string; migration_id: string | null }) =>
        found.project === project && found.migration_id === migrationId;
      return {
        containers: (await host.containers.all()).filter(made).map(({ id }) => id),
        networks: (await host.networks.all()).filter(made).map(({ id }) => id),
      };
    },
    startStack: async (deployment, ids, signal) => startInOrder(host, await ranBefore(host, deployment, ids), signal),
    policies: async ({ project }) =>
      Object.fromEntries((await ofProject(project)).map(({ service, spec }) => [service, policyOf(spec)])),
    arm: async (deployment, ids, signal) => armStack(host, ids, await ranBefore(host, deployment, ids), signal),
    remove: (objects, migrationId) => removeCreated(host, placed, objects, migrationId),
    purge: (objects) => purgeObjects(host, placed, objects),
    // There are no helpers to clean up.
    sweep: async () => {},
    close: () => supervisor.close(),
  };
}

function noBindMounts(): never {
  throw new StackferryError('command_failed', 'The embedded engine has no bind mounts.');
}
