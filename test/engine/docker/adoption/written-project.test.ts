import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { adoptable, withoutDefaults } from '../../../../agent/engine/docker/adoption/adoptable.ts';
import { writtenProject } from '../../../../agent/engine/docker/adoption/written-project.ts';
import { readInfo } from '../../../../agent/engine/docker/facts/engine-info.ts';

const usual = readInfo({
  ...{ DockerRootDir: '/var/lib/docker', DefaultRuntime: 'runc', LoggingDriver: 'json-file' },
  ...{ CgroupVersion: '2', Name: 'old-server' },
});

/** What the Engine answers for `docker run IMAGE`, without any option. */
const usualHost = {
  NetworkMode: 'default',
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  LogConfig: { Type: 'json-file', Config: {} },
  IpcMode: 'private',
  CgroupnsMode: 'private',
  Runtime: 'runc',
  ShmSize: 67_108_864,
  ConsoleSize: [24, 80],
  PidsLimit: null,
  MemorySwappiness: null,
  OomKillDisable: null,
  MaskedPaths: ['/proc/asound'],
  ReadonlyPaths: ['/proc/bus'],
  Links: null,
  PublishAllPorts: false,
};

const container = (
  name: string,
  changed: { config?: object; host?: object; networks?: object; mounts?: object[] } = {},
) =>
  withoutDefaults(
    adoptable.parse({
      Id: name.padEnd(64, '0'),
      Name: `/${name}`,
      Image: 'sha256:1',
      State: { Status: 'running' },
      Config: {
        Image: 'shop:1',
        Hostname: name.padEnd(12, '0'),
        Env: ['PATH=/bin'],
        Cmd: ['serve'],
        ...changed.config,
      },
      HostConfig: { ...usualHost, ...changed.host },
      NetworkSettings: { Networks: changed.networks ?? { bridge: {} } },
      Mounts: changed.mounts ?? [],
    }),
    usual,
  );
const image = { Env: ['PATH=/bin'], Cmd: ['serve'] };

function written(...containers: ReturnType<typeof container>[]) {
  const described = containers.map((one) => ({ container: one, image }));
  const { text, unwritten } = writtenProject('shop', described, []);
  return { model: parse(text), text, unwritten };
}

describe('the Compose file that describes plain containers', () => {
  it('says nothing that the image or the Engine gives anyway', () => {
    const { model, unwritten } = written(container('web'));
    expect(model).toEqual({
      name: 'shop',
      services: { web: { image: 'shop:1', container_name: 'web', network_mode: 'bridge' } },
    });
    expect(unwritten).toEqual([]);
  });

  it('takes no value for a variable, a number or a truth', () => {
    const config = { Env: ['PATH=/bin', 'PRICE=$5', 'N=$X'], Labels: { on: 'yes', count: '012' } };
    const { model, text } = written(container('web', { config }));
    expect(model.services.web.environment).toEqual(['PRICE=$$5', 'N=$$X']);
    expect(text).toContain('on: "yes"');
    expect(text).toContain('count: "012"');
  });

  it('gives an entrypoint of its own the command as well, which it would take from the image', () => {
    const { model } = written(container('web', { config: { Entrypoint: ['/run'] } }));
    expect(model.services.web).toMatchObject({ entrypoint: ['/run'], command: ['serve'] });
  });

  it('leaves the swap that follows from the memory, and keeps one of its own', () => {
    const swapOf = (MemorySwap: number) =>
      written(container('web', { host: { Memory: 1024, MemorySwap } })).model.services.web.memswap_limit;
    expect([swapOf(2048), swapOf(4096), swapOf(-1)]).toEqual([undefined, '4096b', -1]);
  });

  it('joins what two settings say of one attribute', () => {
    const host = { SecurityOpt: ['no-new-privileges'], MaskedPaths: [] };
    const { model } = written(container('web', { host }));
    expect(model.services.web.security_opt).toEqual(['systempaths=unconfined', 'no-new-privileges']);
  });

  it('names a shared namespace by its service, and one of a container elsewhere as what it can not say', () => {
    const side = container('side', { host: { NetworkMode: `container:${'web'.padEnd(64, '0')}` }, networks: {} });
    expect(written(container('web'), side).model.services.side.network_mode).toBe('service:web');
    expect(written(side).unwritten).toEqual([expect.stringContaining('adopt that container with it')]);
  });

  it('takes no name from a network that is shared', () => {
    const inHost = (Hostname: string) =>
      written(container('web', { host: { NetworkMode: 'host' }, config: { Hostname } })).model.services.web.hostname;
    expect([inHost('old-server'), inHost('shop')]).toEqual([undefined, 'shop']);
  });

  it('takes networks as they are, with addresses and names, and volumes by their names', () => {
    const networks = { inner: { Aliases: ['db', 'web', 'web000000000'], IPAMConfig: { IPv4Address: '10.1.0.9' } } };
    const mounts = [
      { Type: 'volume', Name: 'rows', Source: '/v/rows', Destination: '/data', RW: true },
      { Type: 'volume', Name: 'a'.repeat(64), Source: '/v/a', Destination: '/cache', RW: true },
      { Type: 'bind', Source: '/srv/x', Destination: '/x', Mode: 'ro,z', RW: false, Propagation: 'rslave' },
    ];
    const { model } = written(container('web', { host: { NetworkMode: 'inner' }, networks, mounts }));
    expect(model.services.web.networks).toEqual({ inner: { aliases: ['db'], ipv4_address: '10.1.0.9' } });
    expect(model.networks).toEqual({ inner: { name: 'inner', external: true } });
    expect(model.volumes).toEqual({ rows: { name: 'rows' } });
    expect(model.services.web.volumes).toEqual([
      { type: 'volume', source: 'rows', target: '/data' },
      { type: 'volume', target: '/cache' },
      { type: 'bind', source: '/srv/x', target: '/x', read_only: true, bind: { propagation: 'rslave', selinux: 'z' } },
    ]);
  });

  it('names every setting that it has no word for', () => {
    const host = { Links: ['/db:/web/db'], KernelMemory: 5, FutureSetting: { on: true } };
    expect(written(container('web', { host })).unwritten).toEqual([
      'web: Links',
      'web: KernelMemory',
      'web: FutureSetting',
    ]);
  });
});
