import { randomUUID } from 'node:crypto';
import { docker, type HostName } from './two-hosts.ts';

/** Of directories not their own size and number of links, which are the file system's business. */
const list = `
cd /v
find . -type d -printf '%P|%y|%m|%U:%G|%T@\\n' -o -printf '%P|%y|%m|%U:%G|%s|%n|%T@|%l\\n' | LC_ALL=C sort
getfattr -R -h -d -m - -e hex . | LC_ALL=C sort
getfacl -R -n -P . 2>/dev/null | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
`;

/**
 * Runs in a container with GNU tools that sees the volume as /v. Its output is read from the engine's log: what comes through
 * an attached client may be lost when a container ends at once on a busy host.
 */
export async function inVolume(host: HostName, volume: string, script: string): Promise<string> {
  const name = `tools-${randomUUID()}`;
  try {
    await docker(host, 'run', '--name', name, '-v', `${volume}:/v`, '--entrypoint', 'sh', 'sf-tools:1', '-c', script);
    return await docker(host, 'logs', name);
  } finally {
    await docker(host, 'rm', '-f', name);
  }
}

/** Path, type, mode, owner, size, links, mtime and link target of every entry, then attributes, ACLs and digests. */
export const listVolume = (host: HostName, volume: string): Promise<string> => inVolume(host, volume, list);
