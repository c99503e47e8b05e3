import { z } from 'zod';
import type { AgentConfig } from '../config.ts';
import { nothing, openDockerApi } from '../engine/docker/api.ts';
import { ownContainer } from '../engine/docker/facts/own-container.ts';
import { guardLabel } from '../engine/docker/labels.ts';

/**
 * Starts the lease guard in a container next to the agent's own: a process inside the agent's container would end with
 * it. The guard container has the same image and mounts, and the host's pid namespace, so that guard and agent can find
 * each other. Resolves to false if the agent does not run in a container.
 */
export async function startGuardContainer(
  engine: AgentConfig['engine'],
  stateDir: string,
  command: string[],
): Promise<boolean> {
  if (engine.kind !== 'docker') return false;
  const api = await openDockerApi(engine.socket);
  try {
    const own = await ownContainer(api);
    if (own === null) return false;
    const { Id } = await api.post(
      '/containers/create',
      guardContainer(own, stateDir, command),
      z.object({ Id: z.string() }),
    );
    await api.post(`/containers/${Id}/start`, undefined, nothing);
    return true;
  } finally {
    await api.close();
  }
}

export const guardContainer = (own: { id: string; image: string }, stateDir: string, [program, ...args]: string[]) => ({
  Image: own.image,
  Entrypoint: [program],
  Cmd: args,
  User: '0:0',
  WorkingDir: '/',
  Healthcheck: { Test: ['NONE'] },
  Labels: { [guardLabel]: stateDir },
  HostConfig: {
    AutoRemove: true,
    PidMode: 'host',
    NetworkMode: 'none',
    VolumesFrom: [own.id],
    ReadonlyRootfs: true,
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'none', Config: {} },
  },
});
