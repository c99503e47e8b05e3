import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run } from '../support/run.ts';

/** The two real Docker hosts that `test/docker/hosts/up.sh` brings up. */
export type HostName = 'a' | 'b';

/**
 * Which of several pairs of hosts this process uses; each worker of a test run uses one. The layout is that of
 * `test/docker/hosts/settings.sh`.
 */
const pair = Number(process.env.STACKFERRY_PAIR ?? process.env.VITEST_POOL_ID ?? 1);
const suffix = pair === 1 ? '' : String(pair);
const network = `10.77.${pair - 1}`;
const state = (process.env.STACKFERRY_DOCKER_STATE ?? '/var/tmp/stackferry-docker') + (suffix && `-${suffix}`);
export const dockerBinary = '/usr/bin/docker';
/** The root network namespace, as both hosts see it. */
export const gatewayAddress = `${network}.1`;
export const addressOf = { a: `${network}.2`, b: `${network}.3` } as const;

/** The network namespace that a host has for itself. */
export const netnsOf = (host: HostName) => `sf-${host}${suffix}`;
export const socketOf = (host: HostName) => join(state, host, 'docker.sock');

/** What the host is like beyond a plain Engine 26: the words that `up.sh` recorded. */
export function is(
  host: HostName,
  word: 'containerd' | 'next' | 'btrfs' | 'xfs' | 'ext4' | 'busybox' | 'selinux',
): boolean {
  const recorded = join(state, host, 'words');
  return existsSync(recorded) && readFileSync(recorded, 'utf8').split(',').includes(word);
}

const nextRelease = process.env.STACKFERRY_NEXT_RELEASE ?? '/var/tmp/stackferry-next-release';
/** A client with Compose 2.40; `hosts/next-release.sh` puts it there. */
export const nextClient = join(nextRelease, 'docker');
/** The client of the host's own release, which brings that release's Compose. */
export const dockerBinaryOf = (host: HostName) => (is(host, 'next') ? nextClient : dockerBinary);

/** For a host's agent: where it finds its tools. */
export const environmentOf = (host: HostName): Record<string, string> =>
  is(host, 'busybox') ? { PATH: join(state, host, 'busybox') } : {};

/** A host whose agent finds BusyBox alone can make no helper image, and no registry is reached here. */
export const helperArguments = (host: HostName): string[] =>
  is(host, 'busybox') ? ['--helper-image', 'sf-tools:1'] : [];

const wipeTriesMax = 5;

export const hostsAreUp = () => existsSync(socketOf('a')) && existsSync(socketOf('b'));

export function docker(host: HostName, ...args: string[]): Promise<string> {
  return run(dockerBinaryOf(host), ['-H', `unix://${socketOf(host)}`, ...args], {
    // Digests of the 8 GiB that the longest test compares; the test's own bound is mostly shorter.
    timeoutMs: 1_200_000,
  });
}

/** The directory of a volume's files. */
export const mountpoint = async (host: HostName, volume: string): Promise<string> =>
  (await docker(host, 'volume', 'inspect', '-f', '{{.Mountpoint}}', volume)).trim();

/** As a shell would call it in the project's directory. */
export function compose(host: HostName, project: Project, ...args: string[]): Promise<string> {
  const files = project.composeFiles.flatMap((file) => ['-f', file]);
  return run(project.client ?? dockerBinaryOf(host), ['-H', `unix://${socketOf(host)}`, 'compose', ...files, ...args], {
    cwd: project.dir,
    env: { PWD: project.dir, ...project.env },
    timeoutMs: 180_000,
  });
}

/** `host.sh start|stop|kill|restart`. */
export function dockerd(action: 'start' | 'stop' | 'kill' | 'restart', host: HostName): Promise<string> {
  const script = fileURLToPath(new URL('hosts/host.sh', import.meta.url));
  return run(script, [action, host], { timeoutMs: 120_000, env: { STACKFERRY_PAIR: String(pair) } });
}

export interface Project {
  name: string;
  dir: string;
  composeFiles: string[];
  /** The docker client whose Compose is used; the host's own where none is named. */
  client?: string;
  /** Variables of the shell that calls Compose, beside its PWD. */
  env?: Record<string, string>;
}

/** Writes a project directory; the first file named compose*.yaml, and any more, are its compose files. */
export async function writeProject(dir: string, files: Record<string, string>): Promise<Project> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  const composeFiles = Object.keys(files).filter((path) => /^compose.*\.yaml$/.test(path));
  return { name: dir.split('/').at(-1) ?? '', dir, composeFiles };
}

const ids = async (host: HostName, ...args: string[]) =>
  (await docker(host, ...args)).split('\n').filter((line) => line !== '');

export async function removeContainers(host: HostName): Promise<void> {
  const containers = await ids(host, 'ps', '-aq');
  if (containers.length > 0) await docker(host, 'rm', '-f', '-v', ...containers);
}

/** Everything on a host that tests make, removed. */
export async function wipe(host: HostName): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await removeContainers(host);
      const volumes = await ids(host, 'volume', 'ls', '-q');
      if (volumes.length > 0) await docker(host, 'volume', 'rm', '-f', ...volumes);
      const networks = await ids(host, 'network', 'ls', '-q', '--filter', 'type=custom');
      if (networks.length > 0) await docker(host, 'network', 'rm', ...networks);
      return;
    } catch (error) {
      // An agent that still runs may be removing, or starting, a helper container of its own.
      if (tries === wipeTriesMax || !/already in progress|is in use|active endpoints/.test(String(error))) throw error;
      await setTimeout(200);
    }
  }
}

/** What is on a host: names of all containers, volumes and custom networks. */
export async function inventory(host: HostName): Promise<string[]> {
  const [containers, volumes, networks] = await Promise.all([
    docker(host, 'ps', '-a', '--format', 'container {{.Names}}'),
    docker(host, 'volume', 'ls', '--format', 'volume {{.Name}}'),
    docker(host, 'network', 'ls', '--filter', 'type=custom', '--format', 'network {{.Name}}'),
  ]);
  return `${containers}${volumes}${networks}`
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** `name id state policy started` of every container, to see that they are the same and untouched. */
export async function containers(host: HostName): Promise<string[]> {
  const ids = (await docker(host, 'ps', '-aq', '--no-trunc')).split('\n').filter((line) => line !== '');
  if (ids.length === 0) return [];
  const format = '{{.Name}} {{.Id}} {{.State.Running}} {{.HostConfig.RestartPolicy.Name}} {{.State.StartedAt}}';
  return (await docker(host, 'inspect', '-f', format, ...ids)).trim().split('\n').sort();
}

export async function running(host: HostName): Promise<string[]> {
  return (await docker(host, 'ps', '--format', '{{.Names}}'))
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}
