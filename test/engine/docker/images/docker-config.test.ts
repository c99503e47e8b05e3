import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findLogin } from '../../../../agent/engine/docker/images/docker-config.ts';
import { limits } from '../../../../schema/limits.ts';
import { eventually, temporaryDirectory } from '../../../agent/temporary.ts';

/** A Docker configuration of this test's own, and credential helpers as shell scripts. */
async function configured(config: unknown, helpers: Record<string, string> = {}): Promise<string> {
  const dir = await temporaryDirectory();
  await writeFile(join(dir, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  await mkdir(join(dir, 'bin'));
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(dir, 'bin', `docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\ncd ${dir}\n${script}\n`);
    await chmod(path, 0o755);
  }
  vi.stubEnv('DOCKER_CONFIG', dir);
  vi.stubEnv('PATH', `${join(dir, 'bin')}:${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  return dir;
}

const auth = (user: string, password: string) => Buffer.from(`${user}:${password}`).toString('base64');
const loginOf = (registry: string, username: string, password: string, identity_token: string | null = null) => ({
  kind: 'login',
  login: { registry, username, password, identity_token },
});

describe('the login of a registry in Docker’s configuration', () => {
  it('is found by the registry’s name, also where the entry is an address, and for no other registry', async () => {
    await configured({
      auths: {
        'one.example': { auth: auth('ann', 'pa:ss') },
        'https://two.example:5000/v2/': { auth: auth('bob', 'word') },
        'https://index.docker.io/v1/': { auth: auth('hub', 'secret') },
        'token.example': { auth: auth('x', 'y'), identitytoken: 'long-lived' },
        'empty.example': {},
      },
    });
    expect(await findLogin('one.example')).toEqual(loginOf('one.example', 'ann', 'pa:ss'));
    expect(await findLogin('two.example:5000')).toEqual(loginOf('two.example:5000', 'bob', 'word'));
    expect(await findLogin('docker.io')).toEqual(loginOf('docker.io', 'hub', 'secret'));
    expect(await findLogin('token.example')).toEqual(loginOf('token.example', '', '', 'long-lived'));
    for (const other of ['two.example', 'example', 'evil-one.example', 'one.example.evil', 'empty.example'])
      expect(await findLogin(other), other).toEqual({ kind: 'none' });
  });

  it('comes from the helper of that registry, else from the store of all, as with Docker', async () => {
    vi.stubEnv('STACKFERRY_JOIN_TOKEN', 'sfj_1');
    const says = (user: string) =>
      `test -n "$HOME" && test -z "$STACKFERRY_JOIN_TOKEN" || exit 9; cat > asked; echo '{"Username":"${user}","Secret":"from-helper"}'`;
    const dir = await configured(
      {
        auths: { 'one.example': { auth: auth('file', 'file') } },
        credsStore: 'all',
        credHelpers: { 'one.example': 'one', 'token.example': 'token', 'gone.example': 'gone' },
      },
      {
        one: says('ann'),
        all: says('everyone'),
        token: says('<token>'),
        gone: "echo 'credentials not found in native keychain'; exit 1",
      },
    );
    expect(await findLogin('one.example')).toEqual(loginOf('one.example', 'ann', 'from-helper'));
    expect(await readFile(join(dir, 'asked'), 'utf8')).toBe('one.example');
    expect(await findLogin('docker.io')).toEqual(loginOf('docker.io', 'everyone', 'from-helper'));
    expect(await readFile(join(dir, 'asked'), 'utf8')).toBe('https://index.docker.io/v1/');
    expect(await findLogin('token.example')).toEqual(loginOf('token.example', '', '', 'from-helper'));
    expect(await findLogin('gone.example')).toEqual({ kind: 'none' });
  });

  it.each([
    ['the file is no JSON', 'password: hunter2', {}, 'config.json can’t be read'],
    ['the file is of another form', { auths: ['hunter2'] }, {}, 'config.json can’t be read'],
    ['a helper is absent', { credsStore: 'absent' }, {}, 'docker-credential-absent could not be started'],
    ['a helper fails', { credsStore: 'bad' }, { bad: 'echo hunter2; exit 3' }, 'failed with exit code 3'],
    ['a helper talks', { credsStore: 'bad' }, { bad: 'echo hunter2' }, 'gave no login'],
    ['a helper is no name', { credsStore: '../../bin/sh' }, {}, 'name of the credential helper is invalid'],
    [
      'a login is endless',
      { auths: { 'one.example': { auth: auth('a', 'x'.repeat(50_000)) } } },
      {},
      'longer than any',
    ],
  ])('is unreadable where %s, and what was read is not quoted', async (_, config, helpers, why) => {
    await configured(config, helpers as Record<string, string>);
    const found = await findLogin('one.example');
    expect(found).toMatchObject({ kind: 'unreadable', why: expect.stringContaining(why) });
    expect(JSON.stringify(found)).not.toMatch(/hunter2|xxxx/);
  });

  it('is none without a configuration', async () => {
    vi.stubEnv('DOCKER_CONFIG', await temporaryDirectory());
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await findLogin('one.example')).toEqual({ kind: 'none' });
  });

  it('is not waited for without end: a helper that hangs is killed with what it started', async () => {
    const before = limits.agent.credentialHelperMsMax;
    Object.assign(limits.agent, { credentialHelperMsMax: 1_000 });
    onTestFinished(() => void Object.assign(limits.agent, { credentialHelperMsMax: before }));
    const dir = await configured({ credsStore: 'slow' }, { slow: 'sleep 1000 & echo $! > child; wait' });
    expect(await findLogin('one.example')).toMatchObject({ why: expect.stringContaining('no answer within 1 s') });
    const child = Number(await readFile(join(dir, 'child'), 'utf8'));
    await eventually(async () => {
      // A zombie has no command line.
      const line = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
      return line === '';
    }, 'the end of its child');
  });

  it('is not read from a helper that prints without end', async () => {
    await configured(
      { credsStore: 'loud' },
      { loud: 'while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done' },
    );
    expect(await findLogin('one.example')).toMatchObject({ kind: 'unreadable' });
  });
});
