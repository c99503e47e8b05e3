import { limits } from '../schema/limits.ts';
import type { AgentConfig } from './config.ts';

/** The little of an engine that the guard needs. */
export interface GuardedEngine {
  /**
   * Restart policies off, then stops those of these that run, all at once, each killed after the lease's stop grace.
   * Resolves to the ids that ran; throws where one could not be stopped.
   */
  stop(ids: string[], signal: AbortSignal): Promise<string[]>;
  start(ids: string[], signal: AbortSignal): Promise<void>;
}

/**
 * Not the agent's `Engine`: opening the embedded one is what a daemon's start is for Docker, restart policies included,
 * and that must not happen behind a living agent's back. Its code is loaded at once, since an upgrade may replace the files
 * while the guard runs; the result opens it, when a lease has run out.
 */
export function loadGuardedEngine(engine: AgentConfig['engine']): Promise<() => Promise<GuardedEngine>> {
  return engine.kind === 'docker' ? loadDocker(engine.socket) : loadEmbedded(engine.root);
}

async function loadDocker(socket: string): Promise<() => Promise<GuardedEngine>> {
  const { openDockerApi } = await import('./engine/docker/api.ts');
  const { inspectAll, setRestartPolicy, startContainer, stateOf, stopContainers } = await import(
    './engine/docker/containers.ts'
  );
  const { runs } = await import('./commands/container-states.ts');
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
  const { openHostRoot } = await import('./engine/embedded/host-root.ts');
  const { runsNow, startContainer, stopContainer } = await import('./engine/embedded/containers.ts');
  const { disarmContainers, recordsOf } = await import('./engine/embedded/deployment.ts');
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
