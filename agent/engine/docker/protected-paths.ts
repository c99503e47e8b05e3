import { resolve } from 'node:path';
import { isInside } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';
import type { DockerApi } from './api.ts';
import { engineInfo } from './engine-info.ts';

/** Whoever writes here is root on the host: programs, configuration, devices, engines and their state. */
const systemDirectories = [
  '/etc',
  '/boot',
  '/dev',
  '/proc',
  '/sys',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/run',
  '/var/run',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/docker',
  '/var/lib/dpkg',
  '/var/lib/kubelet',
  '/var/lib/rpm',
  '/var/lib/snapd',
  '/var/lib/stackferry',
  '/var/lib/systemd',
  '/var/snap',
  '/var/spool/at',
  '/var/spool/cron',
  '/snap',
  '/opt/cni',
  '/opt/containerd',
];
const rootHome = '/root';

const home = /^\/home(\/[^/]+)?$/;
/** Read by logins, shells and the user's service manager. */
const startupInHome = /^(\/root|\/home\/[^/]+)\/(\.|bin(\/|$))/;

/**
 * The protected directory that a writer of `path` can reach: `path` lies in it, is it, or contains it. Null for none.
 * `own`: directories of this agent and its engine. `path` must be free of symbolic links (`realOf`).
 */
export function protectedBy(path: string, own: string[]): string | null {
  const at = resolve('/', path);
  if (home.test(at) || startupInHome.test(at)) return at;
  return [...systemDirectories, rootHome, ...own].find((dir) => isInside(dir, at) || isInside(at, dir)) ?? null;
}

/** As `protectedBy`, of a new project directory: one in root's home, where nothing looks for it, is no danger. */
export function refusesProject(path: string, own: string[]): string | null {
  const at = resolve('/', path);
  const plain = at !== rootHome && isInside(rootHome, at) && !startupInHome.test(at);
  return plain ? (own.find((dir) => isInside(dir, at) || isInside(at, dir)) ?? null) : protectedBy(at, own);
}

/** What this agent and its engine keep on the host, with and without symbolic links. */
export async function ownPaths(api: DockerApi, { stateDir, socketPath }: OwnPlaces): Promise<string[]> {
  const { dataRoot } = await engineInfo(api);
  const paths = [dataRoot, stateDir, socketPath, import.meta.dirname];
  return [...new Set([...paths, ...(await Promise.all(paths.map(realOf)))])];
}

interface OwnPlaces {
  stateDir: string;
  socketPath: string;
}
