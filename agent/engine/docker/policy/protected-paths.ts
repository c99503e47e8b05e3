import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isInside } from '../../../compose/project.ts';
import { program } from '../../../program.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerApi } from '../api.ts';
import { engineInfo } from '../facts/engine-info.ts';

/** A writer to one of these is root on the host: programs, configuration, devices, engines and their state. */
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
  '/var/lib/cloud',
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
export const rootHome = '/root';

const home = /^\/home(\/[^/]+)?$/;
/** Read by logins, shells and the user's service manager. */
const startupInHome = /^(\/root|\/home\/[^/]+)\/(\.|bin(\/|$))/;

/**
 * Returns the protected directory that a writer of `path` can reach: `path` is it, is in it, or contains it. Null if
 * there is none. `own`: directories of this agent and its engine. `path` must be free of symbolic links (`realOf`).
 */
export function protectedBy(path: string, own: string[]): string | null {
  const at = resolve('/', path);
  if (home.test(at) || startupInHome.test(at)) return at;
  return [...systemDirectories, rootHome, ...own].find((dir) => isInside(dir, at) || isInside(at, dir)) ?? null;
}

/**
 * Like `protectedBy`, for a new project directory or a bind mount's data: one in root's home is harmless, unless
 * something there reads it at startup.
 */
export function refusesNew(path: string, own: string[]): string | null {
  const at = resolve('/', path);
  const plain = at !== rootHome && isInside(rootHome, at) && !startupInHome.test(at);
  return plain ? (own.find((dir) => isInside(dir, at) || isInside(at, dir)) ?? null) : protectedBy(at, own);
}

/** Directories of this agent, its engine and the stacks here, with and without symbolic links resolved. */
export async function ownPaths(api: DockerApi, { stateDir, socketPath, stacksDir }: OwnPlaces): Promise<string[]> {
  const { dataRoot } = await engineInfo(api);
  const stacks = stacksDir === null ? [] : await projectsIn(stacksDir);
  const paths = [dataRoot, stateDir, socketPath, dirname(program), ...stacks];
  return [...new Set([...paths, ...(await Promise.all(paths.map(realOf)))])];
}

interface OwnPlaces {
  stateDir: string;
  socketPath: string;
  stacksDir: string | null;
}

/** Returns the project directories in `stacksDir`, running or not. What stacks share there is not among them. */
export async function projectsIn(stacksDir: string): Promise<string[]> {
  const entries = await readdir(stacksDir, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(stacksDir, name));
  const found = await Promise.all(directories.map(isProject));
  return directories.filter((_, index) => found[index]);
}

const isProject = async (directory: string): Promise<boolean> =>
  (await readdir(directory).catch(() => [])).some((name) => name === '.env' || /\.ya?ml$/.test(name));
