import { mkdir, mkdtemp, rm, statfs, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { composeModel } from '../../../../agent/compose/model.ts';
import type { DockerContext } from '../../../../agent/engine/docker/context.ts';
import { devicesAbsent } from '../../../../agent/engine/docker/facts/device-trial.ts';
import { helperRuntime, readInfo, unseenBySnap } from '../../../../agent/engine/docker/facts/engine-info.ts';
import {
  hostFacts,
  hostResources,
  imageDisk,
  resourcesOf,
  unlessHidden,
} from '../../../../agent/engine/docker/facts/host-facts.ts';
import { targetFacts } from '../../../../agent/engine/docker/facts/target-facts.ts';
import { wantedDevices } from '../../../../agent/engine/docker/facts/wanted-devices.ts';
import { runInHelper } from '../../../../agent/engine/docker/helper/helper.ts';
import { createSlots } from '../../../../agent/engine/docker/helper/slots.ts';
import { stackFacts } from '../../../saga/preflight/well-facts.ts';
import { startedWith } from '../../../support/permissions.ts';
import { startEngine } from '../engine-server.ts';

const temporary = async (parent: string) => {
  const dir = await mkdtemp(join(parent, 'stackferry-facts-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
};

/** An engine that answers `/info` and makes containers; `start` answers what it is said to. */
async function engineOf(info: object, start: { status: number; message: string } = { status: 204, message: '' }) {
  const made: { path: string; body: string }[] = [];
  const engine = await startEngine((path, answer, request) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      made.push({ path: `${request.method} ${path}`, body: Buffer.concat(parts).toString() });
      if (path === '/info') return answer.end(JSON.stringify({ DockerRootDir: '/var/lib/docker', ...info }));
      if (path === '/containers/create') return answer.writeHead(201).end('{"Id":"c1"}');
      if (path.endsWith('/wait')) return answer.end('{"StatusCode":0}');
      if (path.endsWith('/start') && start.status >= 300)
        return answer.writeHead(start.status).end(JSON.stringify({ message: start.message }));
      return answer.writeHead(204).end();
    });
  });
  onTestFinished(() => engine.close());
  return { api: engine.api, made };
}
const context = (api: DockerContext['api'], more: Partial<DockerContext> = {}) =>
  ({ api, place: { image: async () => 'helper', agentId: 'a1' }, ...more }) as DockerContext;

describe('what an engine says of itself', () => {
  it('P20: user namespaces, rootless mode and SELinux are told from options that only look like them', () => {
    const of = (...SecurityOptions: string[]) => readInfo({ DockerRootDir: '/var/lib/docker', SecurityOptions });
    expect(of('name=seccomp,profile=builtin', 'name=userns')).toMatchObject({ remapped: true, rootless: false });
    expect(of('name=seccomp,profile=builtin', 'name=rootless')).toMatchObject({ remapped: false, rootless: true });
    expect(of('name=selinux')).toMatchObject({ selinux: true });
    expect(of('name=apparmor', 'name=cgroupns')).toMatchObject({ remapped: false, rootless: false, selinux: false });
  });

  it('P24: helpers run by a runtime that shares the host’s FIFOs where the default is a sandbox', () => {
    const runtimeOf = (DefaultRuntime: string, ...runtimes: string[]) =>
      helperRuntime(
        readInfo({
          DockerRootDir: '/',
          DefaultRuntime,
          Runtimes: Object.fromEntries(runtimes.map((name) => [name, {}])),
        }),
      );
    expect(runtimeOf('runsc', 'runsc', 'runc')).toBe('runc');
    expect(runtimeOf('kata-fc', 'io.containerd.runc.v2', 'kata-fc')).toBe('io.containerd.runc.v2');
    for (const shared of ['runc', 'crun', 'nvidia', 'io.containerd.runc.v2'])
      expect(runtimeOf(shared, 'runc')).toBeUndefined();
    expect(runtimeOf('runsc', 'runsc')).toBeUndefined();
  });

  it('P24: a helper is made with that runtime', async () => {
    const { api, made } = await engineOf({});
    const ioDir = await temporary(tmpdir());
    const place = { api, image: async () => 'h', ioDir, agentId: 'a', slots: createSlots(1), runtime: 'runc' };
    const task = {
      migrationId: 'm',
      purpose: 'measure',
      mount: { volume: 'v' },
      readOnly: true,
      capabilities: [],
    } as const;
    const rest = { script: 'true', failure: 'pack_failed', signal: AbortSignal.timeout(5_000) } as const;
    await runInHelper(place, { ...task, ...rest, capabilities: [] }).catch(() => {});
    const create = made.find(({ path }) => path === 'POST /containers/create');
    expect(JSON.parse(create!.body).HostConfig).toMatchObject({ Runtime: 'runc' });
  });

  it('P24: Docker as a snap does not see most of the host, which is said with what to do', () => {
    for (const path of ['/var/tmp/stacks', '/srv/shop', '/root/.stackferry/agent', '/home/alice/.stackferry', '/tmp/x'])
      expect(unseenBySnap(path), path).toBe(true);
    for (const path of ['/var/snap/docker/common/stackferry', '/home/alice/shop'])
      expect(unseenBySnap(path), path).toBe(false);
    const helper = { image: 'h', ready: true, detail: '' };
    const snap = readInfo({ DockerRootDir: '/var/snap/docker/common/var-lib-docker' });
    expect(unlessHidden(helper, snap, '/root/.stackferry')).toMatchObject({
      ready: false,
      detail: expect.stringContaining('--state /var/snap/docker/common'),
    });
    expect(unlessHidden(helper, snap, '/var/snap/docker/common/stackferry').ready).toBe(true);
    expect(unlessHidden(helper, readInfo({ DockerRootDir: '/var/lib/docker' }), '/root/.stackferry').ready).toBe(true);
  });
});

it('R29: the filesystem that holds the volumes is measured, and that of images where it is another', async () => {
  const [root, disk] = [await temporary(tmpdir()), await temporary('/dev/shm')];
  await symlink(disk, join(root, 'volumes'));
  expect((await resourcesOf(root)).disk.path).toBe(disk);
  expect(await imageDisk(root)).toMatchObject({ path: root });
  const { api } = await engineOf({ DockerRootDir: root });
  const helper = { id: async () => 'h', state: async () => ({ image: 'h', ready: true, detail: '' }), close: () => {} };
  const told = await hostFacts(context(api, { helper, dockerBinary: '/absent', socketPath: '/absent' }), []);
  expect(told).toMatchObject({ resources: { disk: { path: disk } }, image_disk: { path: root } });
  const plain = await temporary(tmpdir());
  await mkdir(join(plain, 'volumes'));
  expect((await resourcesOf(plain)).disk.path).toBe(join(plain, 'volumes'));
  expect(await imageDisk(plain)).toBeNull();
});

it('R29: the room for the project directory is that of the filesystem that it comes to', async () => {
  const { api, close } = await startEngine((path, answer) => {
    if (path === '/info') return answer.end('{"DockerRootDir":"/var/lib/docker"}');
    return answer.end(path.startsWith('/volumes') ? '{"Volumes":[]}' : '[]');
  });
  onTestFinished(close);
  const stacksDir = await temporary('/dev/shm');
  const absent = { dockerBinary: '/absent', socketPath: '/absent', stateDir: '/absent' };
  const host = context(api, {
    ...absent,
    stacksDir,
    permissions: startedWith(),
    allowKeys: [],
    own: null,
    ownPaths: async () => [],
  });
  const { project_path, path } = await targetFacts(
    host,
    { ...stackFacts, services: [], volumes: [] },
    { bindPlaces: [], source: null },
  );
  expect(project_path).toBe(join(stacksDir, 'shop'));
  const distance = async (other: string) => {
    const { bavail, bsize } = await statfs(other);
    return Math.abs(bavail * bsize - (path.free_bytes ?? 0));
  };
  // Both change while others write.
  expect(await distance(stacksDir)).toBeLessThan(await distance('/'));
});

it('P17: resources are read without a helper and without Compose', async () => {
  const { api, made } = await engineOf({ DockerRootDir: tmpdir() });
  const unused = () => expect.fail('it was asked for');
  const helper = { id: unused, state: unused, close: () => {} };
  await hostResources(Object.defineProperty(context(api, { helper }), 'dockerBinary', { get: unused }));
  expect(made.map(({ path }) => path)).toEqual(['GET /info']);
});

describe('P20: GPUs, runtimes and devices are looked for on the target', () => {
  const [service] = stackFacts.services;
  const asks = (service_: object) => ({
    ...service!,
    ...wantedDevices(composeModel.parse({ name: 'x', services: { s: service_ } }).services.s),
  });
  const gpu = { deploy: { resources: { reservations: { devices: [{ capabilities: ['gpu'], driver: 'nvidia' }] } } } };

  it('a container that asks for the GPU is tried, and removed; the engine’s own words say what is missing', async () => {
    const message = 'could not select device driver "nvidia" with capabilities: [[gpu]]';
    const { api, made } = await engineOf({ Runtimes: { runc: {} } }, { status: 500, message });
    const absent = await devicesAbsent(context(api), [asks(gpu), asks(gpu)]);
    expect(absent).toEqual([expect.stringContaining(message)]);
    const creates = made.filter(({ path }) => path === 'POST /containers/create');
    expect(creates.map(({ body }) => JSON.parse(body).HostConfig.DeviceRequests)).toEqual([
      [{ Driver: 'nvidia', Count: -1, DeviceIDs: [], Capabilities: [['gpu']] }],
    ]);
    expect(made.map(({ path }) => path)).toContain('DELETE /containers/c1?force=true&v=true');
  });

  it('where it starts nothing is absent', async () => {
    const { api } = await engineOf({ Runtimes: { runc: {} } });
    expect(await devicesAbsent(context(api), [asks(gpu), asks({ gpus: [{ count: 1 }] })])).toEqual([]);
  });

  it('a runtime that the engine does not list is absent, and so is a device', async () => {
    const { api } = await engineOf({ Runtimes: { runc: {}, sandbox: {} } });
    const services = [
      asks({ runtime: 'nvidia' }),
      asks({ runtime: 'sandbox' }),
      asks({ runtime: 'io.containerd.kata.v2' }),
      asks({ devices: ['/dev/null:/dev/null', { source: '/dev/absent', target: '/dev/x' }] }),
    ];
    expect(await devicesAbsent(context(api), services)).toEqual(['runtime nvidia', '/dev/absent']);
  });

  it('a device of CDI is tried by its name', async () => {
    const { api, made } = await engineOf({}, { status: 500, message: 'CDI device injection failed' });
    expect(await devicesAbsent(context(api), [asks({ devices: ['vendor.com/gpu=0'] })])).toEqual([
      'device vendor.com/gpu=0 of driver cdi (The Docker Engine answered 500: CDI device injection failed)',
    ]);
    const create = made.find(({ path }) => path === 'POST /containers/create');
    expect(JSON.parse(create!.body).HostConfig.DeviceRequests[0]).toMatchObject({
      Driver: 'cdi',
      DeviceIDs: ['vendor.com/gpu=0'],
    });
  });
});
