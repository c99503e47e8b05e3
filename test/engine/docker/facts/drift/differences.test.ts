import { describe, expect, it } from 'vitest';
import { differencesOf } from '../../../../../agent/engine/docker/facts/drift/differences.ts';
import { imageConfiguration, madeContainer } from '../../../../../agent/engine/docker/facts/drift/made-from.ts';

/** As Compose 2.26 and 2.40 make it of `service` and the engine shows it. */
const service = {
  image: 'app:1',
  command: null,
  environment: { A: 'x$y', N: null },
  networks: { default: null },
  restart: 'always',
  cap_add: ['NET_ADMIN'],
  healthcheck: { test: ['CMD-SHELL', 'true'], interval: '1m30s', retries: 3 },
  ports: [{ mode: 'ingress', target: 80, published: '8080', protocol: 'tcp' }],
  deploy: { resources: { limits: { memory: '67108864', cpus: 0.5 } } },
  stop_grace_period: '1m5s',
  tmpfs: ['/t:size=1m', '/u'],
  volumes: [
    { type: 'volume', source: 'data', target: '/d' },
    { type: 'bind', source: '/srv/x', target: '/x', read_only: true },
  ],
  secrets: [{ source: 's', target: '/run/secrets/s' }],
};
const hostConfig = {
  NetworkMode: 'shop_default',
  IpcMode: 'private',
  CapAdd: ['CAP_NET_ADMIN'],
  Tmpfs: { '/t': 'size=1m', '/u': '' },
  Memory: 67108864,
  NanoCpus: 500000000,
  PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
  RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
};
const mount = (Type: string, Source: string, Destination: string, RW = true, Name = '') => ({
  Type,
  Source,
  Destination,
  RW,
  Name,
});
const made = {
  Id: 'c1',
  Name: '/shop-app-1',
  Config: {
    Image: 'app:1',
    Env: ['A=x$y', 'N', 'PATH=/bin'],
    Cmd: ['serve'],
    Labels: { 'com.docker.compose.project': 'shop' },
    StopTimeout: 65,
    Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 90e9, Retries: 3 },
  },
  HostConfig: hostConfig,
  NetworkSettings: { Networks: { shop_default: {}, joined_by_hand: {} } },
  Mounts: [
    mount('volume', '/var/lib/docker/volumes/shop_data/_data', '/d', true, 'shop_data'),
    mount('volume', '/var/lib/docker/volumes/anonymous', '/anonymous', true, 'a'.repeat(64)),
    mount('bind', '/srv/x', '/x', false),
    mount('bind', '/srv/shop/s.txt', '/run/secrets/s', false),
  ],
};
const names = {
  volumes: { data: 'shop_data' },
  networks: { default: 'shop_default' },
  files: { configs: {}, secrets: { s: '/srv/shop/s.txt' } },
  containersOf: (name: string) => (name === 'db' ? ['d1'] : []),
};

const differences = (file: object = {}, container: object = {}) =>
  differencesOf({
    service: { ...service, ...file },
    container: madeContainer.parse({ ...made, ...container }),
    image: imageConfiguration.parse({ Config: { Env: ['PATH=/bin'], Cmd: ['serve'] } }).Config ?? null,
    names,
  });

describe('how a container differs from its service in the file', () => {
  it('P19, R8: hashes of another version of Compose alone are no difference', () => {
    expect(differences()).toEqual({ differs: [], unknown: [] });
    expect(differences({ depends_on: {}, profiles: ['x'], build: {}, 'x-note': 1, scale: 3 })).toEqual({
      differs: [],
      unknown: [],
    });
  });

  it.each([
    ['environment (A, B)', { environment: { A: 'secret-1', B: 'secret-2' } }],
    ['environment (A)', { environment: {} }],
    ['image', { image: 'app:2' }],
    ['command', { command: ['serve', '--debug'] }],
    ['volumes', { volumes: [{ type: 'bind', source: '/srv/y', target: '/x' }], secrets: [] }],
    ['ports', { ports: [] }],
    ['networks', { networks: { other: null } }],
    ['privileged', { privileged: true }],
    ['restart', { restart: 'no' }],
    ['cap_add', { cap_add: undefined }],
    ['healthcheck', { healthcheck: { test: ['NONE'] } }],
    ['mem_limit', { deploy: undefined, cpus: 0.5 }],
    ['labels', { labels: { a: 'b' } }],
    ['pid', { pid: 'host' }],
    ['tmpfs', { tmpfs: ['/t'] }],
  ])('P19: a difference in %s is named, and no value', (named, file) => {
    expect(differences(file).differs).toEqual([named]);
  });

  it('P19: the namespace of another service is that of its container', () => {
    const joined = (NetworkMode: string) =>
      differences({ network_mode: 'service:db', networks: undefined }, { HostConfig: { ...hostConfig, NetworkMode } });
    expect(joined('container:d1').differs).toEqual([]);
    expect(joined('container:e2').differs).toEqual(['networks']);
  });

  it('P19: an attribute that a container can’t be compared by is not taken for the same', () => {
    expect(differences({ blkio_config: { weight: 10 }, warm_up: 'yes' })).toEqual({
      differs: [],
      unknown: ['blkio_config', 'warm_up'],
    });
  });
});
