import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../support/run.ts';
import { docker, dockerBinaryOf, type HostName, mountpoint, socketOf } from './two-hosts.ts';

/** Where the manager's container has its files: a path that the host does not have. */
export const inManager = '/media/sf-manager';

/** A container of host a with a volume, in which it would keep Compose files; returns where the host has that. */
export async function startManager(name = 'manager', place = inManager): Promise<string> {
  // The Engine makes it for relative bind mounts; a run that was killed left it.
  await rm(inManager, { recursive: true, force: true });
  await docker('a', 'run', '-d', '--name', name, '-v', `${name}_data:${place}`, 'sf-busybox:1', 'sleep', '100000');
  return mountpoint('a', `${name}_data`);
}

export async function write(directory: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

/** Runs Compose where `inManager` is that directory, as in the manager's container. */
export function composeInManager(kept: string, directory: string, ...args: string[]): Promise<string> {
  const script = `mount -t tmpfs tmpfs ${dirname(inManager)} && mkdir ${inManager} && mount --bind "$0" ${inManager} && cd "$1" && shift && exec env PWD="$PWD" "$@"`;
  const client = [dockerBinaryOf('a'), '-H', `unix://${socketOf('a')}`, 'compose', ...args];
  return run('unshare', ['-m', 'sh', '-c', script, kept, join(inManager, directory), ...client]);
}

/** A stack with a volume; its variables come from its `.env`. */
export const keptFiles = (name: string, more = '') => ({
  'compose.yaml': `
name: ${name}
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    restart: always
    environment: { COLOUR: "\${COLOUR}" }
    volumes: [data:/data${more}]
volumes: { data: {} }
`,
  '.env': 'COLOUR=green\n',
});

export const labelOf = async (host: HostName, container: string, label: string): Promise<string> =>
  (await docker(host, 'inspect', '-f', `{{index .Config.Labels "com.docker.compose.${label}"}}`, container)).trim();
