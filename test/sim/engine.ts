import type { Engine } from '../../agent/engine/engine.ts';
import type { ContainerPrior } from '../../schema/commands/parts.ts';
import type { Deployment } from '../../schema/deployment.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { Actor } from './clock.ts';
import type { SimContainer } from './containers.ts';
import { factsOf } from './engine-facts.ts';
import { objectsOf } from './engine-objects.ts';
import { portsOf } from './engine-tar.ts';
import { warmOf } from './engine-warm.ts';
import type { SimHost } from './host.ts';
import type { PolicyName, ServiceSpec } from './stacks.ts';

/** The container engine as one process sees it: each act is a call of its own, and may be the last of its caller. */
export function simEngine(host: SimHost, caller: Actor): Engine {
  const { containers, world } = host;
  const call = <T>(what: string, act: () => T) => host.engineCall(caller, what, act);
  const found = (id: string): SimContainer => {
    const container = containers.all.get(id);
    if (!container) throw new StackferryError('stack_not_found', `no container ${id}`);
    return container;
  };
  const touch = (container: SimContainer, what: string) => world.truth.touchedForeign(host, container, what);

  const start = (id: string) =>
    call('start', () => {
      const container = found(id);
      touch(container, 'start');
      if (container.state !== 'running' && containers.troubles.get(container.project) === 'does not start')
        throw new StackferryError('engine_error', `${container.name}: the port is taken`);
      world.connections.startsWithFreePort(host, container.project);
      containers.start(container, 'told to');
    });
  const setPolicy = (id: string, policy: PolicyName) =>
    call('policy', () => {
      touch(found(id), 'policy');
      found(id).policy = policy;
    });

  return {
    kind: 'docker',
    images: null,
    warm: warmOf(portsOf(host, caller, call), host),
    ...factsOf(host, call),
    ...portsOf(host, caller, call),
    ...objectsOf(host, call),

    containers: (project) => call('list', () => containers.of(project).map(containers.stateOf)),
    inspectContainers: (ids) =>
      call('inspect', () => ids.flatMap((id) => containers.all.get(id) ?? []).map(containers.stateOf)),

    dataUsers: ({ project, directory }) => {
      world.truth.lookedAt(host, project);
      return call('users', () =>
        containers.withRuns(project).map((container) => ({
          ...containers.stateOf(container),
          of_stack: container.directory === directory,
        })),
      );
    },
    startedSince: ({ project }, sinceMs) => call('events', () => containers.startedSince(project, sinceMs)),

    disarm: async (ids) => {
      for (const id of ids) if (containers.all.has(id)) await setPolicy(id, 'no');
    },
    stop: async (ids, signal, graceMsMax) => {
      const killed: string[] = [];
      const stopOne = (id: string) => {
        const name = containers.all.get(id)?.name ?? id;
        const ended = Promise.withResolvers<void>();
        const begun = call('stop', () => {
          const container = containers.all.get(id);
          if (!container) return ended.resolve();
          touch(container, 'stop');
          if (container.state === 'running' && host.stopsFail)
            throw new StackferryError('engine_error', `${container.name} was killed, and no exit event came`);
          containers.stop(container, graceMsMax, (wasKilled) => {
            if (wasKilled) killed.push(name);
            if (!caller.alive) return;
            world.time.actor = caller;
            ended.resolve();
          });
        });
        return begun.then(() => ended.promise);
      };
      await bounded(Promise.all(ids.map(stopOne)), signal);
      return killed;
    },
    recreate: async ({ project, target_dir }, prior) => {
      await call('recreate', () => {
        const path = host.paths.get(target_dir);
        for (const { name, service } of prior) {
          if (containers.of(project).some((container) => container.name === name)) continue;
          const spec = path?.spec.services.find((candidate) => candidate.name === service);
          if (!spec) throw new StackferryError('compose_failed', `${target_dir} is not there`);
          makeVolumes(host, spec, project);
          containers.create(project, spec, target_dir, null).policy = 'no';
        }
      });
    },
    restore: async (prior: ContainerPrior[], signal) => {
      for (const { id, restart_policy } of prior) await setPolicy(id, restart_policy.name as PolicyName);
      for (const { id, running } of prior) {
        signal.throwIfAborted();
        if (running) await start(id);
      }
    },

    createStack: async (deployment, migrationId, created, signal) => {
      const { networks, ids } = await call('create', () => createAll(host, deployment, migrationId));
      signal.throwIfAborted();
      await created({ networks, containers: ids });
      for (const id of ids) await setPolicy(id, 'no');
    },
    findCreated: ({ project, target_dir }) =>
      call('find', () => ({
        containers: containers.of(project).flatMap(({ id, directory }) => (directory === target_dir ? [id] : [])),
        networks: [...host.networks.values()].flatMap((network) => (network.project === project ? [network.id] : [])),
      })),
    startStack: async ({ before }, ids, signal) => {
      for (const id of ids) {
        signal.throwIfAborted();
        const { name } = found(id).spec;
        if (!before.some(({ service, state }) => service === name && state === 'stopped')) await start(id);
      }
    },
    policies: ({ target_dir }) =>
      call('read', () =>
        Object.fromEntries(
          (host.paths.get(target_dir)?.spec.services ?? []).map(({ name, policy }) => [
            name,
            { name: policy, maximum_retry_count: 0 },
          ]),
        ),
      ),
    arm: async (_deployment, ids, signal) => {
      const there = ids.flatMap((id) => containers.all.get(id) ?? []);
      for (const { id, spec } of there) if (containers.all.has(id)) await setPolicy(id, spec.policy);
      for (const { id, spec } of there) {
        signal.throwIfAborted();
        if (!spec.oneShot) await start(id);
      }
    },
    sweep: async () => {},
    close: async () => {},
  };
}

/** What Compose does of volumes that the file names and that are not there: it makes them, and says nothing. */
export function makeVolumes(host: SimHost, { volumes }: ServiceSpec, project: string): void {
  for (const name of volumes)
    if (!host.volumes.has(name))
      host.volumes.set(name, { name, project, content: 0, madeBy: null, foreign: false, byHand: true, filledBy: null });
}

/** As Compose does it: with the policies of the file at first, labelled with the migration. */
function createAll(host: SimHost, { project, target_dir, services }: Deployment, migrationId: string) {
  const { containers, paths, world } = host;
  const path = paths.get(target_dir);
  if (!path) throw new StackferryError('compose_failed', `${target_dir} is not there`);
  const existing = containers.of(project);
  const foreign = existing.find(({ directory }) => directory !== target_dir);
  if (foreign) throw new StackferryError('resource_taken', `${foreign.name} exists and is left alone`);
  for (const spec of path.spec.services.filter(({ name }) => services.includes(name))) {
    makeVolumes(host, spec, project);
    if (!existing.some((container) => container.spec.name === spec.name))
      containers.create(project, spec, target_dir, migrationId);
  }
  const network = [...host.networks.values()].find((candidate) => candidate.project === project);
  if (!network)
    host.networks.set(`${host.id}-n-${project}`, { id: `${host.id}-n-${project}`, project, madeBy: migrationId });
  world.trace(host.id, `${project} is created`);
  return { networks: [`${host.id}-n-${project}`], ids: containers.of(project).map(({ id }) => id) };
}

function bounded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
