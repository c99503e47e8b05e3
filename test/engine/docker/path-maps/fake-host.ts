import type { DockerApi } from '../../../../agent/engine/docker/api.ts';
import type { MapContext } from '../../../../agent/engine/docker/path-maps/project-paths.ts';

interface Mount {
  Type: string;
  Name?: string;
  Source?: string;
  Destination?: string;
  RW?: boolean;
}
export type FakeContainers = Record<
  string,
  { Mounts?: Mount[]; Labels?: Record<string, string>; State?: string; Status?: string }
>;
export interface FakeVolume {
  Name: string;
  Mountpoint: string;
  Driver?: string;
  Options?: Record<string, string>;
}

/** An engine's listings. */
export function engineOf(containers: FakeContainers = {}, volumes: FakeVolume[] = [], dataRoot = '/var/lib/docker') {
  const listed = Object.entries(containers).map(([name, over]) => ({
    ...{ Id: name, Names: [`/${name}`], Image: 'app', State: 'running', Labels: {}, Mounts: [], Ports: [] },
    ...over,
  }));
  return {
    adopted: async () => new Map(),
    get: async (path: string) => {
      if (path === '/info') return { DockerRootDir: dataRoot };
      if (path.startsWith('/volumes'))
        return { Volumes: volumes.map((volume) => ({ ...{ Driver: 'local', Options: {}, Labels: {} }, ...volume })) };
      return listed;
    },
  };
}

/** A host whose agent has this engine, and these maps. */
export const hostOf = (api: object, over: Partial<MapContext> = {}): MapContext => ({
  api: api as DockerApi,
  own: null,
  pathMaps: [],
  stateDir: '/var/lib/stackferry',
  socketPath: '/var/run/docker.sock',
  ...over,
});
