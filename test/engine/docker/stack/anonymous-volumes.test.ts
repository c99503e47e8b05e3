import { describe, expect, it } from 'vitest';
import type { DockerContext } from '../../../../agent/engine/docker/context.ts';
import { assertAttached, withStandIns } from '../../../../agent/engine/docker/stack/anonymous-volumes.ts';
import { irreplaceable } from '../../../../agent/engine/docker/stack/recreate.ts';

const label = (name: string) => `com.docker.compose.${name}`;
const containerOf = (
  name: string,
  number: number,
  more: { hash?: string; labels?: object; mounts?: object[] } = {},
) => ({
  Id: name,
  Name: `/${name}`,
  Image: 'sha256:1',
  RestartCount: 0,
  State: { Status: 'created', ExitCode: 0, StartedAt: '' },
  Config: {
    Image: 'app:1',
    Labels: {
      ...{ [label('project')]: 'shop', [label('service')]: 'app', [label('container-number')]: String(number) },
      ...{ [label('config-hash')]: more.hash ?? 'abc', ...more.labels },
    },
  },
  HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, PortBindings: {} },
  NetworkSettings: { Networks: {} },
  Mounts: more.mounts ?? [],
});
type Made = ReturnType<typeof containerOf>;

/** An engine with these containers, which records what is removed. */
function engine(...containers: Made[]) {
  const removed: string[] = [];
  const api = {
    adopted: async () => new Map(),
    get: async () =>
      containers.map(({ Id, Config }) => ({
        Id,
        Names: [],
        Image: '',
        State: '',
        Labels: Config.Labels,
        Ports: [],
        Mounts: [],
      })),
    find: async (path: string) => containers.find(({ Id }) => path.startsWith(`/containers/${Id}/`)) ?? null,
    post: async (_: string, asked: { Labels: Record<string, string> }) => {
      containers.push(
        containerOf('stand-in', Number(asked.Labels[label('container-number')]), { labels: asked.Labels }),
      );
      return { Id: 'stand-in' };
    },
    delete: async (path: string) => {
      removed.push(path);
      const id = path.split('/')[2]!.split('?')[0];
      containers.splice(
        containers.findIndex(({ Id }) => Id === id),
        1,
      );
    },
  };
  const context = { api, helper: { id: async () => 'sha256:helper' } } as unknown as DockerContext;
  return { context, removed };
}

const mount = { service: 'app', number: 1, target: '/data', volume: 'v1' };
const deployment = { project: 'shop', target_dir: '/srv/shop', anonymous: [mount] };
const removal = (name: string) => `/containers/${name}?force=true&v=false`;

describe('stand-ins', () => {
  it('are made for containers that are to be created, and none is left, nor its volume removed, if Compose fails', async () => {
    const { context, removed } = engine();
    const create = async (replaces: boolean) => {
      expect(replaces).toBe(true);
      throw new Error('no space left');
    };
    await expect(withStandIns(context, deployment, create)).rejects.toThrow('no space left');
    expect(removed).toEqual([removal('stand-in')]);
  });

  it('are not made for containers that exist: Compose then replaces none', async () => {
    const { context, removed } = engine(containerOf('shop-app-1', 1));
    await withStandIns(context, deployment, async (replaces) => expect(replaces).toBe(false));
    expect(removed).toEqual([]);
  });

  it('are made again where Compose was killed before it renamed the new container', async () => {
    const half = containerOf('0123456789ab_shop-app-1', 1, { labels: { [label('replace')]: 'app-1' } });
    const { context, removed } = engine(half);
    await withStandIns(context, deployment, async (replaces) => expect(replaces).toBe(true));
    expect(removed).toEqual([removal('0123456789ab_shop-app-1'), removal('stand-in')]);
  });
});

it('a container without the volume that moved is found, no matter what created it or when', () => {
  const mounts = [{ Type: 'volume', Name: 'v1', Source: '', Destination: '/data' }];
  const check = (...containers: Made[]) => assertAttached(containers as never, [mount]);
  check(containerOf('shop-app-1', 1, { mounts }), containerOf('shop-app-2', 2));
  expect(() => check(containerOf('shop-app-1', 1))).toThrow('/data of shop-app-1');
});

it('a source’s container that is gone is not made again from files that describe another one', async () => {
  const { context } = engine();
  const prior = [{ id: 'x', name: 'shop-app-1', service: 'app', image: null }];
  const asked = (drifted: string[]) => irreplaceable(context.api, { ...deployment, drifted } as never, prior as never);
  expect(await asked([])).toEqual([]);
  expect(await asked(['app'])).toEqual(['container shop-app-1']);
});
