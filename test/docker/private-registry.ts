import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/run.ts';
import { docker, dockerBinaryOf, type HostName, netnsOf, socketOf } from './two-hosts.ts';

const program = fileURLToPath(new URL('image-registry.ts', import.meta.url));
/** Docker speaks http to a registry on loopback, so each host has one of its own there, of the same directory. */
const port = 5077;

export interface PrivateRegistry {
  /** `host:port`, the same on both hosts. */
  name: string;
  /** For `DOCKER_CONFIG`: as after `docker login`. */
  configDir: string;
  /** From now on only this login is known, to both hosts or to those named. */
  setLogin(login: string, hosts?: HostName[]): Promise<void>;
  /** Makes a host’s pulls wait until `release`. */
  hold(host: HostName): Promise<{ isHeld(): boolean; release(): Promise<void> }>;
  /** Writes this login into the configuration. */
  logIn(login: string): Promise<void>;
  /** Pushes a new image from host a; the engine of b may have the manifest of an earlier one, and asks nobody for it. */
  push(repo: string): Promise<{ tagged: string; pinned: string }>;
  close(): Promise<void>;
}

/** A registry that wants a login, reached by both engines. */
export async function startPrivateRegistry(dir: string): Promise<PrivateRegistry> {
  const name = `127.0.0.1:${port}`;
  const configDir = join(dir, 'docker-config');
  await mkdir(configDir, { recursive: true });
  const setLogin = async (login: string, hosts: HostName[] = ['a', 'b']) => {
    for (const host of hosts) await writeFile(loginFile(dir, host), login);
  };
  const logIn = (login: string) => {
    const auth = Buffer.from(login).toString('base64');
    return writeFile(join(configDir, 'config.json'), JSON.stringify({ auths: { [name]: { auth } } }));
  };
  await setLogin('nobody:yet');
  const processes = await Promise.all((['a', 'b'] as const).map((host) => startOn(host, dir)));
  return {
    name,
    configDir,
    setLogin,
    logIn,
    hold: async (host) => {
      const path = `${loginFile(dir, host)}.hold`;
      await writeFile(path, '');
      return { isHeld: () => existsSync(`${loginFile(dir, host)}.held`), release: () => rm(path) };
    },
    push: async (repo) => {
      const tagged = `${name}/${repo}:1`;
      const container = (await docker('a', 'create', 'sf-busybox:1')).trim();
      await docker('a', 'commit', '--change', `LABEL made=${randomUUID()}`, container, tagged);
      await docker('a', 'rm', container);
      await run(dockerBinaryOf('a'), ['-H', `unix://${socketOf('a')}`, 'push', '-q', tagged], {
        env: { DOCKER_CONFIG: configDir },
      });
      const digests = await docker('a', 'image', 'inspect', '-f', '{{join .RepoDigests "\\n"}}', tagged);
      const pinned = digests.split('\n').find((digest) => digest.startsWith(`${name}/${repo}@`)) ?? '';
      await docker('b', 'rmi', '-f', tagged).catch(() => '');
      return { tagged, pinned };
    },
    close: async () => {
      await Promise.all(processes.map(end));
    },
  };
}

const loginFile = (dir: string, host: HostName) => join(dir, `login-${host}`);

async function startOn(host: HostName, dir: string): Promise<ChildProcess> {
  const args = [
    `--net=/run/netns/${netnsOf(host)}`,
    process.execPath,
    program,
    String(port),
    dir,
    loginFile(dir, host),
  ];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the registry of host ${host} does not start`))),
  ]);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
}
