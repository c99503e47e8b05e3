import { expect, it } from 'vitest';
import { emptyModel } from '../../../../agent/compose/model.ts';
import type { DockerApi } from '../../../../agent/engine/docker/api.ts';
import { privilegesOf } from '../../../../agent/engine/docker/policy/privileges.ts';
import { volumesAsHere } from '../../../../agent/engine/docker/policy/volumes-as-here.ts';

const volume = { Name: 'x', Driver: 'local', Mountpoint: '/v/x' };
const bound = { type: 'none', o: 'bind', device: '/etc' };
const host = (here: object) => ({ find: async () => ({ ...volume, ...here }) }) as unknown as DockerApi;

/** The file mounts `x`, and says that it is harmless. */
const model = (x: object) => ({
  ...emptyModel,
  services: { web: { keys: [], volumes: [{ type: 'volume', source: 'data', target: '/data' }] } },
  volumes: { data: { name: 'x', ...x } },
});
const powersOn = async (api: DockerApi, x: object) =>
  privilegesOf((await volumesAsHere(api, model(x) as never, 'shop')) as never, { directory: '/srv/shop', own: [] }).get(
    'web',
  );

it.each([
  ['calls it external', { external: true }],
  ['gives it another device', { driver_opts: { ...bound, device: '/srv/shop/data' } }],
  ['gives it no options', {}],
])('B36: a volume that a migration made binds what it binds here, though the arriving file %s', async (_, x) => {
  const made = host({ Labels: { 'dev.stackferry.migration': 'mig_1' }, Options: bound });
  expect(await powersOn(made, x)).toEqual([{ power: 'host_path', detail: '/etc' }]);
});

it('an external volume that this host’s owner made may be used, whatever its options', async () => {
  const own = host({ Labels: {}, Options: bound });
  expect(await powersOn(own, { external: true })).toEqual([]);
});
