import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Agent, fetch as fetchWith } from 'undici';
import { expect, it, vi } from 'vitest';
import { apiClient } from '../../../cli/api-client.ts';
import { startMember } from '../../../cli/local/fleet.ts';
import { freePort } from '../../../cli/local/free-port.ts';
import { call, command, hostNames, refusedServing, startServing, withDir } from './rig.ts';
import { selfSigned } from './self-signed.ts';

it('shows every flag in its help', async () => {
  const { code, out } = await command(['serve', '--help']).ended;
  expect(code).toBe(0);
  for (const flag of [
    'data',
    'listen',
    'public-url',
    'relay-listen',
    'relay-advertise',
    'no-relay',
    'tls-cert',
    'tls-key',
    'trust-proxy',
  ])
    expect(out).toContain(`--${flag}`);
});

it('has one process a data directory, and the next takes over where that was killed', () =>
  withDir(async (dir) => {
    const first = await startServing(dir);
    await call(first.url, first.adminToken!, '/hosts', { name: 'metal-1' });
    const second = await command(['serve', '--data', dir, '--listen', `127.0.0.1:${await freePort('127.0.0.1')}`])
      .ended;
    expect(second.code).toBe(4);
    expect(second.err).toContain(`is in use by process ${first.pid}, since `);
    expect(second.err).toContain('(data_locked)');
    await first.kill();
    const third = await startServing(dir);
    expect(await hostNames(third.url, first.adminToken!)).toEqual(['metal-1']);
    expect(third.adminToken).toBeNull();
    expect(await third.stop()).toBe(0);
  }));

it('brings its relay, also where it was first started without one, and hosts reach it through the front', () =>
  withDir(async (dir) => {
    const bare = await startServing(join(dir, 'data'));
    await call(bare.url, bare.adminToken!, '/hosts', { name: 'metal-1' });
    await bare.stop();
    const relayPort = await freePort('127.0.0.1');
    const serving = await startServing(join(dir, 'data'), ['--relay-listen', `127.0.0.1:${relayPort}`]);
    try {
      const api = apiClient(serving.url, bare.adminToken!);
      const { items } = await api.get<{ items: { name: string; status: string; address: unknown }[] }>('/relays');
      expect(items).toMatchObject([
        { name: 'relay-1', status: 'online', address: { host: '127.0.0.1', port: relayPort } },
      ]);
      const agent = await startMember({
        api,
        controlUrl: serving.url,
        kind: 'host',
        name: 'metal-2',
        stateDir: join(dir, 'agent'),
        arguments: ['--engine', 'embedded', '--embedded-root', join(dir, 'stacks')],
      });
      await agent.stop();
      const { items: audited } = await api.get<{ items: { act: string; address: string }[] }>('/audit');
      expect(audited.find(({ act }) => act === 'POST /api/v1/hosts')?.address).toBe('127.0.0.1');
      await vi.waitFor(
        async () => expect(await api.get(`/hosts/${agent.id}`)).toMatchObject({ status: 'offline' }),
        10_000,
      );
    } finally {
      await serving.stop();
    }
  }));

it('serves https by itself, and no longer answers http', () =>
  withDir(async (dir) => {
    const { cert, key } = await selfSigned();
    await writeFile(join(dir, 'cert.pem'), cert);
    await writeFile(join(dir, 'key.pem'), key);
    const files = ['--tls-cert', join(dir, 'cert.pem'), '--tls-key', join(dir, 'key.pem')];
    const serving = await startServing(join(dir, 'data'), ['--no-relay', ...files], 'https');
    try {
      const dispatcher = new Agent({ connect: { ca: cert } });
      const answer = await fetchWith(`${serving.url}/api/v1/hosts`, { dispatcher });
      expect(answer.status).toBe(401);
      // As the Worker sees it, it was asked by https.
      expect(answer.headers.get('strict-transport-security')).toContain('max-age=');
      await expect(fetch(`http://127.0.0.1:${serving.port}/api/v1/hosts`)).rejects.toThrow();
      await dispatcher.close();
    } finally {
      await serving.stop();
    }
  }));

it('lets a running request end at SIGTERM, and takes no other', () =>
  withDir(async (dir) => {
    const serving = await startServing(dir);
    const token = serving.adminToken!;
    const body = JSON.stringify({ name: 'slow-1' });
    const slow = connect(serving.port, '127.0.0.1');
    slow.write(
      `POST /api/v1/hosts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    let answered = '';
    slow.setEncoding('utf8').on('data', (text) => {
      answered += text;
    });
    // So that the request has been taken before the signal comes.
    expect((await call(serving.url, token, '/hosts')).status).toBe(200);
    const stopped = serving.stop();
    await vi.waitFor(() => expect(serving.run.err()).toContain('Stopping'));
    await vi.waitFor(() => expect(fetch(serving.url)).rejects.toThrow());
    slow.write(body);
    await vi.waitFor(() => expect(answered).toContain('HTTP/1.1 201'));
    expect(await stopped).toBe(0);
    const again = await startServing(dir);
    expect(await hostNames(again.url, token)).toEqual(['slow-1']);
    expect(await again.stop()).toBe(0);
  }));

it('says which port is taken, the relay’s too, and leaves nothing behind', () =>
  withDir(async (dir) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await vi.waitFor(() => expect(taken.address()).not.toBeNull());
    const place = `127.0.0.1:${(taken.address() as { port: number }).port}`;
    const free = `127.0.0.1:${await freePort('127.0.0.1')}`;
    const data = ['--data', join(dir, 'data')];
    const first = await command(['serve', ...data, '--listen', place]).ended;
    expect(first).toMatchObject({ code: 1, err: expect.stringContaining(`--listen ${place} cannot be listened on.`) });
    expect(first.err).toContain('port_taken');
    const second = await command(['serve', ...data, '--listen', free, '--relay-listen', place]).ended;
    expect(second).toMatchObject({
      code: 1,
      err: expect.stringContaining(`--relay-listen ${place} cannot be listened on.`),
    });
    taken.close();
    const third = await startServing(join(dir, 'data'), ['--relay-listen', place]);
    // Nobody has seen one of the starts before it.
    expect(third.adminToken).not.toBeNull();
    expect(await third.stop()).toBe(0);
  }));

it('says that a data directory cannot be written', () =>
  withDir(async (dir) => {
    await writeFile(join(dir, 'file'), '');
    const { code, err } = await command(['serve', '--data', join(dir, 'file', 'data')]).ended;
    expect(code).toBe(1);
    expect(err).toContain('(data_unwritable)');
    expect(err).toContain('ENOTDIR');
  }));

it('C7: does not touch a data directory of a newer version', () =>
  withDir(async (dir) => {
    await mkdir(join(dir, 'control'));
    await writeFile(join(dir, 'state.json'), JSON.stringify({ version: '99.0.0' }));
    const { code, err } = await refusedServing(dir);
    expect(code).toBe(4);
    expect(err).toContain('was written by Stackferry 99.0.0');
    expect(err).toContain('Start version 99.0.0 or newer.');
  }));
