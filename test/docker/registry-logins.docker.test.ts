import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { createDockerEngine } from '../../agent/engine/docker/docker-engine.ts';
import { until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { startCaptureProxy } from '../support/capture-proxy.ts';
import { filesBelow } from '../support/files-below.ts';
import { type DockerRig, startDockerRig, wipeBoth } from './docker-rig.ts';
import { type PrivateRegistry, startPrivateRegistry } from './private-registry.ts';
import {
  containers,
  docker,
  dockerBinaryOf,
  gatewayAddress,
  type HostName,
  is,
  running,
  socketOf,
} from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const password = 'registry-canary-51c07be2';
const login = `mover:${password}`;
const withLogins = { with_registry_auth: true, sizing: 'stack' };

describeDocker('an image of a registry that wants a login', () => {
  let dir: string;
  let rig: DockerRig;
  let registry: PrivateRegistry;
  let proxy: { close(): Promise<void> };
  let image: { tagged: string; pinned: string };

  const stackOf = (reference: string) => ({
    'compose.yaml': `services: { app: { image: "${reference}", init: true, command: [sleep, "100000"] } }`,
  });
  /** Without the source’s helper, which ends by itself. */
  const appOf = async (host: HostName) => (await containers(host)).filter((line) => line.startsWith('/revoked-app-1 '));
  const imageCheck = (report: Report) => report.checks.find(({ name }) => name === 'image_available')!;
  const trial = async (stack: string, options: Record<string, unknown>) =>
    imageCheck(
      await rig.api.post<Report>(`/stacks/${stack}/migrate/preflight`, {
        ...{ target_host_id: rig.hosts.b.id, sizing: 'stack' },
        ...options,
      }),
    );

  beforeAll(async () => {
    await wipeBoth();
    dir = await mkdtemp(join(tmpdir(), 'stackferry-registry-'));
    registry = await startPrivateRegistry(dir);
    const seenPort = await freePort(gatewayAddress);
    rig = await startDockerRig({
      relayAdvertise: `${gatewayAddress}:${seenPort}`,
      environment: (host) => (host === 'a' ? { DOCKER_CONFIG: registry.configDir } : {}),
    });
    const [host = '', port = ''] = rig.relayAddress.split(':');
    const seen = { host: gatewayAddress, port: seenPort };
    proxy = await startCaptureProxy(seen, { host, port: Number(port) }, join(rig.dir, 'capture.bin'));
  }, 180_000);

  beforeEach(async () => {
    await wipeBoth();
    await registry.setLogin(login);
    await registry.logIn(login);
    image = await registry.push('moved/app');
  }, 120_000);

  afterAll(async () => {
    await proxy?.close();
    await rig?.close();
    await registry?.close();
    await wipeBoth();
    if (dir) await rm(dir, { recursive: true });
  }, 120_000);

  it('B39 is pulled with the source’s login, which is nowhere to be found afterwards', async () => {
    await rig.up('private', stackOf(image.tagged));
    expect((await trial('private', {})).detail).toContain(`${image.tagged} will be sent from the source`);
    const check = await trial('private', withLogins);
    expect(check).toMatchObject({
      status: 'pass',
      detail: expect.stringContaining(`${image.tagged} will be pulled with the source’s login`),
    });
    const told: unknown[] = [check];
    const { id } = await rig.migrate('private', rig.hosts.b, withLogins);
    const migration = await rig.ended(id, (event) => told.push(event));
    told.push(migration);
    expect(migration).toMatchObject({ status: 'completed', failure: null });
    expect(await running('b')).toEqual(['private-app-1']);
    // It came from the registry, not from the source.
    expect(await docker('b', 'image', 'inspect', '-f', '{{.RepoDigests}}', image.tagged)).toContain(image.pinned);

    const secrets = [password, Buffer.from(login).toString('base64')];
    const places: Record<string, Buffer> = { ...(await filesBelow(rig.dir)), told: Buffer.from(JSON.stringify(told)) };
    expect(Object.keys(places).filter((place) => place.endsWith('.log')).length).toBeGreaterThanOrEqual(3);
    expect(places[join(rig.dir, 'capture.bin')]!.length).toBeGreaterThan(1_000);
    const leaks = Object.entries(places).filter(([, bytes]) => secrets.some((secret) => bytes.includes(secret)));
    expect(leaks.map(([place]) => place)).toEqual([]);
    // The target’s engine has not kept it either.
    await docker('b', 'rm', '-f', 'private-app-1');
    await docker('b', 'rmi', '-f', image.tagged, image.pinned).catch(() => '');
    await expect(docker('b', 'pull', image.tagged)).rejects.toThrow(/unauthorized|no basic auth/);
  }, 180_000);

  it.skipIf(is('a', 'containerd') && is('b', 'containerd'))(
    'is refused where it is named by its digest, with the option that lifts it',
    async () => {
      await rig.up('pinned', stackOf(image.pinned));
      const refused = imageCheck(await rig.refused('pinned', rig.hosts.b));
      expect(refused).toMatchObject({ status: 'fail', lifted_by: [{ with_registry_auth: true }] });
      const { id } = await rig.migrate('pinned', rig.hosts.b, withLogins);
      expect(await rig.ended(id)).toMatchObject({ status: 'completed' });
      expect(await running('b')).toEqual(['pinned-app-1']);
    },
    180_000,
  );

  it.skipIf(is('a', 'containerd') && is('b', 'containerd'))(
    'F29 is refused before anything happens where the registry refuses the source’s login',
    async () => {
      await rig.up('stale', stackOf(image.pinned));
      await registry.logIn('mover:an-older-password');
      const refused = imageCheck(await rig.refused('stale', rig.hosts.b, withLogins));
      expect(refused).toMatchObject({ status: 'fail', lifted_by: [] });
      expect(refused.detail).toMatch(/refuses the source’s login/);
      expect(JSON.stringify(refused)).not.toContain('an-older-password');
    },
    120_000,
  );

  it('is read from the stack itself: no login leaves for an image that only the control plane names', async () => {
    await rig.up('asked', stackOf(image.tagged));
    vi.stubEnv('DOCKER_CONFIG', registry.configDir);
    onTestFinished(() => void vi.unstubAllEnvs());
    const engine = await createDockerEngine({
      ...{ socketPath: socketOf('a'), dockerBinary: dockerBinaryOf('a'), stateDir: join(dir, 'state') },
      ...{ helperImage: null, stacksDir: null, allow: [], allowKeys: [], pathMaps: [] },
    });
    onTestFinished(() => engine.close());
    const signal = AbortSignal.timeout(30_000);
    const [known] = await engine.logins!.collect('asked', [image.tagged], signal);
    expect(known).toMatchObject({ registry: registry.name, password });
    for (const other of [`${registry.name}/moved/other:1`, image.pinned, 'sf-busybox:1']) {
      await expect(engine.logins!.collect('asked', [image.tagged, other], signal)).rejects.toThrow(
        'not an image of the stack',
      );
      await expect(engine.logins!.check('asked', [other], signal)).rejects.toMatchObject({ code: 'policy_refused' });
    }
  }, 120_000);

  it('F40 is pulled all the same where both agents are killed in the middle of the pull', async () => {
    await rig.up('killed', stackOf(image.tagged));
    const pull = await registry.hold('b');
    const { id } = await rig.migrate('killed', rig.hosts.b, withLogins);
    await until(async () => pull.isHeld(), 'the pull to be under way');
    await Promise.all([rig.hosts.a.restart(), rig.hosts.b.restart()]);
    await pull.release();
    const migration = await rig.ended(id);
    expect(migration).toMatchObject({ status: 'completed', failure: null });
    expect(await running('b')).toEqual(['killed-app-1']);
  }, 180_000);

  it('F29 ends before the stop where the registry refuses the login to the target', async () => {
    await rig.up('revoked', stackOf(image.tagged));
    const before = await appOf('a');
    expect((await trial('revoked', withLogins)).detail).toContain('will be pulled with the source’s login');
    // The source, which the pre-flight asks, is still let in.
    await registry.setLogin('mover:another', ['b']);
    const { id } = await rig.migrate('revoked', rig.hosts.b, withLogins);
    const migration = await rig.ended(id);
    expect(migration).toMatchObject({ status: 'failed', failure: { code: 'image_unavailable', step: 'preparing' } });
    expect(migration.failure?.message).toContain(`${image.tagged} could not be pulled`);
    expect(before).toHaveLength(1);
    expect(await appOf('a')).toEqual(before);
    expect(await running('b')).toEqual([]);
  }, 180_000);
});
