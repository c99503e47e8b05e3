import { expect, test } from 'vitest';
import { command, startServing, withDir } from './rig.ts';

const env = {
  OIDC_ISSUER: 'https://id.example.com',
  OIDC_CLIENT_ID: 'stackferry',
  OIDC_CLIENT_SECRET: 'a secret of the client',
  OIDC_ADMINS: 'ann@example.com',
};

test('serve offers the login at the provider that the environment names', () =>
  withDir(async (dir) => {
    const serving = await startServing(dir, ['--no-relay'], 'http', env);
    const page = await (await fetch(`${serving.url}/ui/login`)).text();
    expect(page).toContain('Log in with id.example.com');
    expect(page).not.toContain(env.OIDC_CLIENT_SECRET);
    await serving.stop();
    const without = await startServing(dir);
    expect(await (await fetch(`${without.url}/ui/login`)).text()).not.toContain('Log in with id');
    await without.stop();
  }));

test('serve does not start with settings of the login that cannot be right, and says which', () =>
  withDir(async (dir) => {
    const { code, out, err } = await command(['serve', '--data', dir], { ...env, OIDC_READERS: 'ann' }).ended;
    expect([code, out]).toEqual([2, '']);
    expect(err.replaceAll(/\s+/g, ' ')).toContain('OIDC_READERS: "ann" is not an email address');
  }));
