import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../../../schema/errors.ts';
import { isInside } from '../../../compose/project.ts';
import type { DockerApi } from '../api.ts';

/** The container of this engine that the agent runs in. */
export interface OwnContainer {
  id: string;
  name: string;
  image: string;
  hostPids: boolean;
  hostNetwork: boolean;
  /** Bind mounts only. */
  mounts: { source: string; destination: string; writable: boolean }[];
}

const answer = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  State: z.object({ Running: z.boolean() }),
  HostConfig: z.object({ PidMode: z.string().nullish(), NetworkMode: z.string() }),
  Mounts: z.array(
    z.object({ Type: z.string(), Source: z.string().default(''), Destination: z.string(), RW: z.boolean() }),
  ),
});

/** Null if this process does not run in a container of this engine. */
export async function ownContainer(api: DockerApi): Promise<OwnContainer | null> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const [mountinfo, cgroup] = await Promise.all([read('/proc/self/mountinfo'), read('/proc/self/cgroup')]);
  for (const candidate of containerIds(mountinfo, cgroup, hostname())) {
    const found = await api.find(`/containers/${candidate}/json`, answer);
    if (!found?.Id.startsWith(candidate) || !found.State.Running) continue;
    return {
      id: found.Id,
      name: found.Name.replace(/^\//, ''),
      image: found.Image,
      hostPids: found.HostConfig.PidMode === 'host',
      hostNetwork: found.HostConfig.NetworkMode === 'host',
      mounts: found.Mounts.filter(({ Type }) => Type === 'bind').map(({ Source, Destination, RW }) => ({
        source: Source,
        destination: Destination,
        writable: RW,
      })),
    };
  }
  return null;
}

/**
 * Candidate ids of this process's container, most reliable first: Docker bind-mounts three of its files, also with
 * `--network host`; a cgroup path contains it if the cgroup namespace is the host's; the host name is its id by
 * default.
 */
export function containerIds(mountinfo: string, cgroup: string, host: string): string[] {
  const mounted = mountinfo.split('\n').flatMap((line) => {
    const [, , , root = '', point = ''] = line.split(' ');
    const id = /\/([0-9a-f]{64})\/(hostname|hosts|resolv\.conf)$/.exec(root);
    return id && ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'].includes(point) ? [id[1]!] : [];
  });
  const grouped = [...cgroup.matchAll(/\/(?:docker-)?([0-9a-f]{64})(?:\.scope)?$/gm)].map(([, id]) => id!);
  const named = /^[0-9a-f]{12}$/.test(host) ? [host] : [];
  return [...new Set([...mounted, ...grouped, ...named])];
}

/** True if the agent sees the host's files at this path, and may write to them. */
export function seesHostPath(own: OwnContainer | null, path: string): boolean {
  if (own === null) return true;
  const [nearest] = own.mounts
    .filter(({ destination }) => isInside(destination, path))
    .sort((a, b) => b.destination.length - a.destination.length);
  if (!nearest?.writable) return false;
  return join(nearest.source, relative(nearest.destination, path)) === path;
}

const mountAt = (path: string) => `-v ${path}:${path}`;

/** Throws if the container was started without something that the agent needs. */
export function assertOwnContainer(
  own: OwnContainer | null,
  { stateDir, stacksDir, dataRoot }: { stateDir: string; stacksDir: string | null; dataRoot: string },
): void {
  if (own === null) return;
  const fault = (sentence: string) => new StackferryError('engine_error', `This agent's container ${sentence}.`);
  if (!own.hostPids)
    throw fault('has process ids of its own, so its lease guard could not be found again: start it with --pid host');
  if (!own.hostNetwork)
    throw fault('has a network of its own, so ports that are taken could not be seen: start it with --network host');
  if (!seesHostPath(own, stateDir))
    throw fault(`does not have the host's ${stateDir}, which helpers mount: start it with ${mountAt(stateDir)}`);
  if (!seesHostPath(own, dataRoot))
    throw fault(`does not have the host's ${dataRoot}, where volumes lie: start it with ${mountAt(dataRoot)}`);
  if (stacksDir !== null && !seesHostPath(own, stacksDir))
    throw fault(`does not have the host's ${stacksDir}, where stacks go: start it with ${mountAt(stacksDir)}`);
}

/** Names stacks of this host that can't move because the container does not see their directories. */
export function hiddenStacks(
  own: OwnContainer | null,
  stacks: { project: string; plain: boolean; working_dir: string }[],
): string[] {
  const hidden = stacks.filter(({ plain, working_dir }) => !plain && !seesHostPath(own, working_dir));
  return hidden.map(({ project, working_dir }) => `stack "${project}" can't move: ${unseenAdvice(working_dir)}`);
}

export const unseenAdvice = (directory: string): string =>
  `the agent's container does not have the host's ${directory}. Start it with -v for that directory, or one above it, at the same path`;
