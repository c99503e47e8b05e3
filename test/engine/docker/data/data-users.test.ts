import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { dataMounters } from '../../../../agent/engine/docker/data/data-users.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';
import { hostOf } from '../path-maps/fake-host.ts';

let root = '';
beforeEach(async () => {
  root = await temporaryDirectory();
  await mkdir(join(root, 'srv/shop/files'), { recursive: true });
  await mkdir(join(root, 'volumes/shop_db/_data'), { recursive: true });
  await symlink(join(root, 'srv'), join(root, 'alias'));
});

/** Who uses the stack `shop` among containers with these mounts and labels. */
async function usersOf(containers: Record<string, { Mounts?: object[]; Labels?: Record<string, string> }>) {
  const listed = Object.entries(containers).map(([name, over]) => ({
    ...{ Id: name, Names: [`/${name}`], State: 'running', Labels: {}, Mounts: [] },
    ...over,
  }));
  const volumes = [
    { Name: 'shop_db', Mountpoint: join(root, 'volumes/shop_db/_data'), Driver: 'local', Options: {} },
    {
      Name: 'bound',
      Mountpoint: '/x',
      Driver: 'local',
      Options: { type: 'none', o: 'bind', device: join(root, 'srv/shop') },
    },
  ];
  const api = {
    adopted: async () => new Map(),
    get: async (path: string) => (path.startsWith('/volumes') ? { Volumes: volumes } : listed),
  };
  const places = { project: 'shop', directory: join(root, 'srv/shop'), volumes: ['shop_db'], binds: [] };
  const users = await dataMounters(hostOf(api), places);
  return Object.fromEntries(users.map(({ container, above, ofStack }) => [container.Id, { above, ofStack }]));
}
const bind = (Source: string, RW = true) => ({ Type: 'bind', Source, RW });
const stack = { 'com.docker.compose.project': 'shop', 'com.docker.compose.project.working_dir': '' };
const inside = { above: false, ofStack: false };

describe('who uses a stack’s data', () => {
  it('P2: is found by volume, by path, by link, by a volume’s own directory, and by a volume that binds the project', async () => {
    expect(
      await usersOf({
        volume: { Mounts: [{ Type: 'volume', Name: 'shop_db', RW: true }] },
        path: { Mounts: [bind(join(root, 'srv/shop/files'))] },
        link: { Mounts: [bind(join(root, 'alias/shop'))] },
        contents: { Mounts: [bind(join(root, 'volumes/shop_db/_data'))] },
        options: { Mounts: [{ Type: 'volume', Name: 'bound', RW: true }] },
        other: { Mounts: [bind(join(root, 'srv/shop2')), { Type: 'volume', Name: 'other', RW: true }] },
      }),
    ).toEqual({ volume: inside, path: inside, link: inside, contents: inside, options: inside });
  });

  it('P2: a directory above the data is distinguished, and a read-only mount changes nothing', async () => {
    expect(
      await usersOf({
        above: { Mounts: [bind(join(root, 'srv'))] },
        both: { Mounts: [bind(root), bind(join(root, 'srv/shop/files'))] },
        reads: { Mounts: [bind('/', false), bind(join(root, 'srv/shop'), false)] },
      }),
    ).toEqual({ above: { above: true, ofStack: false }, both: inside });
  });

  it('P2 R7: a one-off run is the stack’s, whatever it mounts; another stack of its name elsewhere, and helpers, are not', async () => {
    const labels = { ...stack, 'com.docker.compose.project.working_dir': join(root, 'srv/shop') };
    expect(
      await usersOf({
        oneOff: { Labels: { ...labels, 'com.docker.compose.oneoff': 'True' } },
        elsewhere: { Labels: { ...stack, 'com.docker.compose.project.working_dir': '/other' } },
        helper: { Labels: { 'dev.stackferry.helper': 'pack' }, Mounts: [{ Type: 'volume', Name: 'shop_db' }] },
      }),
    ).toEqual({ oneOff: { above: false, ofStack: true } });
  });
});
