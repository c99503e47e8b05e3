import { describe, expect, it, onTestFinished } from 'vitest';
import type { FoundLogin } from '../../../../agent/engine/docker/images/docker-config.ts';
import { askRegistry } from '../../../../agent/engine/docker/images/image-location.ts';
import { ensureImages } from '../../../../agent/engine/docker/images/images.ts';
import { registryAuth, registryOf } from '../../../../agent/engine/docker/images/registry-login.ts';
import { checkImage } from '../../../../agent/engine/docker/images/stack-logins.ts';
import type { StackImage } from '../../../../schema/facts.ts';
import type { RegistryLogin } from '../../../../schema/registry-logins.ts';
import { startEngine } from '../engine-server.ts';

const login: RegistryLogin = {
  registry: 'one.example',
  username: 'ann',
  // Its base64 has characters that a URL's form replaces.
  password: 'p?>~ÿ-hunter2',
  identity_token: null,
};
const image = (repo: string): StackImage => ({
  reference: `${repo}:1`,
  image_id: 'sha256:1',
  repo_digests: [`${repo}@sha256:d`],
  layers: ['1'],
  os: 'linux',
  arch: 'amd64',
  size_bytes: 1,
});

/** An engine whose registries refuse, with the login that it was called with. */
async function refusing(words: (auth: string) => string) {
  const calls: { path: string; auth: string | undefined }[] = [];
  const engine = await startEngine((path, answer, { headers }) => {
    if (/^\/images\/[^/]+\/[^/]*\/?json/.test(path)) return void answer.writeHead(404).end('{"message":"no"}');
    const auth = headers['x-registry-auth'] as string | undefined;
    if (/create|distribution/.test(path)) calls.push({ path, auth });
    // The engine has no better status for what a registry says.
    answer.writeHead(500).end(JSON.stringify({ message: words(auth ?? '') }));
  });
  onTestFinished(() => engine.close());
  return { api: engine.api, calls };
}

const opened = (auth = '') => JSON.parse(Buffer.from(auth, 'base64url').toString());

it('a login goes to the engine as it takes it: base64 for URLs with its padding, the registry named', () => {
  expect(registryAuth(login)).toMatch(/^[A-Za-z0-9_-]+=*$/);
  expect(registryAuth(login).length % 4).toBe(0);
  expect(opened(registryAuth(login))).toEqual({
    username: 'ann',
    password: login.password,
    serveraddress: 'one.example',
  });
  expect(opened(registryAuth({ ...login, registry: 'docker.io', identity_token: 'token' }))).toEqual({
    identitytoken: 'token',
    serveraddress: 'https://index.docker.io/v1/',
  });
});

it.each([
  ['web', 'docker.io'],
  ['shop/web', 'docker.io'],
  ['docker.io/shop/web', 'docker.io'],
  ['index.docker.io/shop/web', 'docker.io'],
  ['one.example/web', 'one.example'],
  ['one.example:5000/a/b', 'one.example:5000'],
  ['localhost/web', 'localhost'],
])('the registry of %s is %s', (repo, registry) => {
  expect(registryOf(repo)).toBe(registry);
});

it('a login is used for its own registry alone', async () => {
  const { api, calls } = await refusing(() => 'denied');
  const of = image('one.example/web');
  const names = ['one.example/web', 'two.example/web', 'web', 'one.example:5000/web'];
  const everywhere = { ...of, repo_digests: names.map((repo) => `${repo}@sha256:d`) };
  const pulling = ensureImages(api, [everywhere], 'helper:1', AbortSignal.timeout(5_000), [login]);
  await expect(pulling).rejects.toMatchObject({ code: 'image_unavailable' });
  expect(calls).toHaveLength(names.length);
  for (const { path, auth } of calls)
    expect(auth, path).toBe(path.includes('fromImage=one.example/web@') ? registryAuth(login) : undefined);
});

it('B39 a registry that answers with the login it was given does not make us tell it', async () => {
  const { api } = await refusing((auth) => {
    const { username, password } = auth === '' ? { username: '', password: '' } : opened(auth);
    return `denied: ${password} ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  });
  const pulling = ensureImages(api, [image('one.example/web')], 'helper:1', AbortSignal.timeout(5_000), [login]);
  const error = await pulling.catch((failed: Error) => failed);
  const { state, detail } = await askRegistry(api, 'one.example/web@sha256:d', login);
  expect(state).toBe('unauthorized');
  for (const told of [String(error), detail]) {
    expect(told).toContain('denied: [redacted] [redacted]');
    expect(told).not.toContain('hunter2');
  }
});

it('F29 a registry that wants a login is said to, in whatever words the engine has for it', async () => {
  const words = [
    'no basic auth credentials',
    'pull access denied for x, repository does not exist or may require login',
  ];
  for (const message of words) {
    const { api } = await refusing(() => message);
    expect(await askRegistry(api, 'one.example/web@sha256:d')).toMatchObject({ state: 'unauthorized' });
  }
});

describe('what a source says of its login for an image', () => {
  type Answers = { withLogin: [status: number, message: string]; without?: [status: number, message: string] };

  async function checked({ withLogin, without = [500, 'denied'] }: Answers, found: FoundLogin) {
    const engine = await startEngine((_path, answer, { headers }) => {
      const [status, message] = headers['x-registry-auth'] ? withLogin : without;
      answer.writeHead(status).end(JSON.stringify({ message, Descriptor: { digest: 'sha256:d' } }));
    });
    onTestFinished(() => engine.close());
    return checkImage(engine.api, image('one.example/web'), async () => found);
  }
  const known: FoundLogin = { kind: 'login', login };
  const yes: Answers['withLogin'] = [200, ''];

  it.each<[string, Answers, FoundLogin, string]>([
    ['is accepted', { withLogin: yes }, known, 'accepted'],
    [
      'is accepted where others are held back',
      { withLogin: yes, without: [500, 'toomanyrequests'] },
      known,
      'accepted',
    ],
    ['is refused', { withLogin: [500, 'unauthorized'] }, known, 'refused'],
    ['does not help: the image is gone', { withLogin: [500, 'manifest unknown'] }, known, 'refused'],
    ['can’t be tried', { withLogin: [500, 'dial tcp: i/o timeout'], without: [500, 'dial tcp'] }, known, 'unverified'],
    ['is absent', { withLogin: yes }, { kind: 'none' }, 'none'],
    ['is unreadable', { withLogin: yes }, { kind: 'unreadable', why: 'damaged' }, 'unreadable'],
    ['is not needed, whatever a target claims', { withLogin: yes, without: yes }, known, 'unneeded'],
  ])('it %s', async (_, answers, found, state) => {
    const said = await checked(answers, found);
    expect(said).toMatchObject({ reference: 'one.example/web:1', state });
    expect(JSON.stringify(said)).not.toContain('hunter2');
  });

  it('an image of no registry has none', async () => {
    const find = async (): Promise<FoundLogin> => Promise.reject(new Error('not asked'));
    const local = { ...image('web'), repo_digests: [] };
    const { api } = await refusing(() => '');
    expect(await checkImage(api, local, find)).toMatchObject({ state: 'none', detail: 'it comes from no registry' });
  });
});
