import type { RegistryLogin } from '../../../../schema/registry-logins.ts';
import { canonicalRepo } from './image-reference.ts';

const hub = 'docker.io';

/** The host that a repository is pulled from: `shop/web` is Docker Hub's, `docker.io`. */
export function registryOf(repo: string): string {
  const [host = hub] = canonicalRepo(repo).split('/');
  return host === 'index.docker.io' ? hub : host;
}

/** What Docker calls a registry in its configuration and in the Engine's API. */
export const serverAddressOf = (registry: string): string =>
  registry === hub ? 'https://index.docker.io/v1/' : registry;

/** The header by which the Engine uses a login: base64url with padding, which it requires. */
export function registryAuth({ registry, username, password, identity_token }: RegistryLogin): string {
  const login = {
    ...(identity_token === null ? { username, password } : { identitytoken: identity_token }),
    serveraddress: serverAddressOf(registry),
  };
  return Buffer.from(JSON.stringify(login)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

/** An error message without the login: a registry may answer with what it was told. */
export function withoutLogin(text: string, login: RegistryLogin | undefined): string {
  if (!login) return text;
  const { username, password, identity_token } = login;
  const secrets = [basicAuth(username, password), password, identity_token ?? ''];
  return secrets.filter((secret) => secret !== '').reduce((clean, one) => clean.replaceAll(one, '[redacted]'), text);
}

const basicAuth = (username: string, password: string): string =>
  password === '' ? '' : Buffer.from(`${username}:${password}`).toString('base64');
