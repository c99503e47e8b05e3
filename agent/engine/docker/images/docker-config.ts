import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { limits } from '../../../../schema/limits.ts';
import { type RegistryLogin, registryLogin } from '../../../../schema/registry-logins.ts';
import { dockerConfigDir } from '../../../docker-config-dir.ts';
import { runCredentialHelper } from './credential-helper.ts';
import { serverAddressOf } from './registry-login.ts';

/** A login of this host, or why there is none; `why` never quotes the configuration or a helper's output. */
export type FoundLogin =
  | { kind: 'login'; login: RegistryLogin }
  | { kind: 'none' }
  | { kind: 'unreadable'; why: string };

const text = z.string().nullish();
const entry = z.object({ auth: text, username: text, password: text, identitytoken: text });
const dockerConfig = z.object({
  auths: z.record(z.string(), entry).nullish(),
  credsStore: text,
  credHelpers: z.record(z.string(), z.string()).nullish(),
});
type DockerConfig = z.infer<typeof dockerConfig>;

/**
 * Finds the login for a registry as the Docker client of the agent's user does: by the helper of that registry, else by
 * the store of all, else in the file.
 */
export async function findLogin(registry: string): Promise<FoundLogin> {
  const path = join(dockerConfigDir(), 'config.json');
  const config = await readConfig(path);
  if (config === null) return { kind: 'none' };
  if (config === 'damaged') return unreadable(`${path} can’t be read`);
  const server = serverAddressOf(registry);
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[registry] ?? config.credsStore;
  if (!helper) return inFile(config, registry, path);
  const answer = await runCredentialHelper(helper, server);
  if (answer.kind !== 'login') return answer;
  const { username, secret } = answer;
  // Docker's sign for a token in place of a password.
  return username === '<token>'
    ? loginOf({ registry, username: '', password: '', identity_token: secret }, helper)
    : loginOf({ registry, username, password: secret, identity_token: null }, helper);
}

/** Null if there is none. */
async function readConfig(path: string): Promise<DockerConfig | 'damaged' | null> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > limits.agent.dockerConfigBytesMax) return 'damaged';
    return dockerConfig.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : 'damaged';
  }
}

function inFile({ auths }: DockerConfig, registry: string, path: string): FoundLogin {
  const entries = Object.entries(auths ?? {});
  const server = serverAddressOf(registry);
  const found =
    entries.find(([key]) => key === server) ??
    entries.find(([key]) => [hostOf(server), registry].includes(hostOf(key)));
  if (!found) return { kind: 'none' };
  const { auth, username, password, identitytoken } = found[1];
  if (identitytoken) return loginOf({ registry, username: '', password: '', identity_token: identitytoken }, path);
  const decoded = auth ? Buffer.from(auth, 'base64').toString('utf8') : `${username ?? ''}:${password ?? ''}`;
  const colon = decoded.indexOf(':');
  const name = decoded.slice(0, colon);
  const secret = decoded.slice(colon + 1).replace(/\0+$/, '');
  if (colon < 1 || secret === '') return { kind: 'none' };
  return loginOf({ registry, username: name, password: secret, identity_token: null }, path);
}

/** `https://host:5000/v1/` → `host:5000`. */
const hostOf = (key: string): string => key.replace(/^https?:\/\//, '').split('/')[0] ?? '';

function loginOf(login: RegistryLogin, from: string): FoundLogin {
  return registryLogin.safeParse(login).success
    ? { kind: 'login', login }
    : unreadable(`the login for ${login.registry} in ${from} is longer than any known`);
}

const unreadable = (why: string): FoundLogin => ({ kind: 'unreadable', why });
