import { limits } from '../../schema/limits.ts';
import type { AgentConfig } from '../config.ts';

export interface GuardedEngine {
  /**
   * Turns restart policies off, then stops the running ones in parallel, each killed after the lease's stop grace.
   * Resolves to the ids that were running; throws if one could not be stopped.
   */
  stop(ids: string[], signal: AbortSignal): Promise<string[]>;
  start(ids: string[], signal: AbortSignal): Promise<void>;
}

/**
 * Loads a minimal engine instead of the agent's `Engine`: opening the embedded one acts like a Docker daemon start,
 * restart policies included, which must not happen next to a live agent. The code is loaded now, since an upgrade may
 * replace the files while the guard runs. The returned function opens the engine once a lease has lapsed.
 */
export function loadGuardedEngine(engine: AgentConfig['engine']): Promise<() => Promise<GuardedEngine>> {
  return engine.kind === 'docker' ? loadDocker(engine.socket) : loadEmbedded(engine.root);
}

async function loadDocker(socket: string): Promise<() => Promise<GuardedEngine>> {
  const { openDockerApi } = await import('../engine/docker/api.ts');
  const { inspectAll, setRestartPolicy, startContainer, stateOf, stopContainers } = await import(
    '../engine/docker/stack/containers.ts'
  );
  const { runs } = await import('../commands/cutover/container-states.ts');
  return async () => {
    const api = await openDockerApi(socket);
    return {
      stop: async (ids, signal) => {
        const there = (await inspectAll(api, ids)).map(stateOf);
        for (const { id, restart_policy } of there)
          if (restart_policy.name !== 'no') await setRestartPolicy(api, id, { name: 'no', maximum_retry_count: 0 });
        const running = there.filter(runs).map(({ id }) => id);
        await stopContainers(api, running, signal, limits.lease.stopGraceMsMax);
        return running;
      },
      start: async (ids, signal) => {
        for (const id of ids) await startContainer(api, id, signal);
      },
    };
  };
}

async function loadEmbedded(root: string): Promise<() => Promise<GuardedEngine>> {
  const { openHostRoot } = await import('../engine/embedded/host-root.ts');
  const { runsNow, startContainer, stopContainer } = await import('../engine/embedded/containers.ts');
  const { disarmContainers, recordsOf } = await import('../engine/embedded/deployment.ts');
  return async () => {
    const host = await openHostRoot(root);
    return {
      stop: async (ids, signal) => {
        const running: string[] = [];
        for (const record of await recordsOf(host, ids)) if (await runsNow(host, record)) running.push(record.id);
        if (running.length > 0) await disarmContainers(host, ids);
        await Promise.all(running.map((id) => stopContainer(host, id, signal, limits.lease.stopGraceMsMax)));
        return running;
      },
      start: async (ids) => {
        for (const id of ids) await startContainer(host, id);
      },
    };
  };
}
