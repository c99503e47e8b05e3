import { z } from 'zod';
import type { AgentConfig } from '../config.ts';
import { nothing, openDockerApi } from '../engine/docker/api.ts';
import { ownContainer } from '../engine/docker/facts/own-container.ts';
import { guardLabel } from '../engine/docker/labels.ts';

/**
 * Starts the lease guard, or the connection holder, in a container next to the agent's own: a process inside the agent's
 * container would end with it. The container has the same image and mounts, and the host's pid namespace, so that guard and
 * agent can find each other. Resolves to false if the agent does not run in a container.
 */
export async function startGuardContainer(
  engine: AgentConfig['engine'],
  stateDir: string,
  command: string[],
  describe = guardContainer,
): Promise<boolean> {
  if (engine.kind !== 'docker') return false;
  const api = await openDockerApi(engine.socket);
  try {
    const own = await ownContainer(api);
    if (own === null) return false;
    const { Id } = await api.post('/containers/create', describe(own, stateDir, command), z.object({ Id: z.string() }));
    await api.post(`/containers/${Id}/start`, undefined, nothing);
    return true;
  } finally {
    await api.close();
  }
}

interface OwnContainer {
  id: string;
  image: string;
}

export const guardContainer = (own: OwnContainer, stateDir: string, [program, ...args]: string[]) => ({
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

/** With the host's network, whose firewall it changes; iptables keeps a lock file below /run. */
export function holderContainer(own: OwnContainer, stateDir: string, command: string[]) {
  const { HostConfig, ...container } = guardContainer(own, stateDir, command);
  const more = { NetworkMode: 'host', CapAdd: ['NET_ADMIN', 'NET_RAW'], ReadonlyRootfs: false };
  return { ...container, HostConfig: { ...HostConfig, ...more } };
}
