import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { dataMounters } from '../../../../agent/engine/docker/data/data-users.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';
import { engineOf, type FakeContainers, hostOf } from '../path-maps/fake-host.ts';

let root = '';
beforeEach(async () => {
  root = await temporaryDirectory();
  await mkdir(join(root, 'srv/shop/files'), { recursive: true });
  await mkdir(join(root, 'volumes/shop_db/_data'), { recursive: true });
  await symlink(join(root, 'srv'), join(root, 'alias'));
});

/** Who uses the stack `shop` among containers with these mounts and labels. */
async function usersOf(containers: FakeContainers) {
  const volumes = [
    { Name: 'shop_db', Mountpoint: join(root, 'volumes/shop_db/_data'), Driver: 'local', Options: {} },
    {
      Name: 'bound',
      Mountpoint: '/x',
      Driver: 'local',
      Options: { type: 'none', o: 'bind', device: join(root, 'srv/shop') },
    },
  ];
  const places = { project: 'shop', directory: join(root, 'srv/shop'), volumes: ['shop_db'], binds: [] };
  const users = await dataMounters(hostOf(engineOf(containers, volumes)), places);
  return Object.fromEntries(users.map(({ container, above, ofStack }) => [container.Id, { above, ofStack }]));
}
const bind = (Source: string, RW = true) => ({ Type: 'bind', Source, RW });
const stack = { 'com.docker.compose.project': 'shop', 'com.docker.compose.project.working_dir': '' };
const inside = { above: false, ofStack: false };
/** No host has it. */
const inManager = '/in-manager/7';

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

  it('R19: a manager’s mount of the project’s files is no use of its data; its other mounts are', async () => {
    const files = `${inManager}/compose.yaml`;
    const labels = {
      ...{ ...stack, 'com.docker.compose.project.working_dir': inManager },
      'com.docker.compose.project.config_files': files,
    };
    await writeFile(join(root, 'srv/shop/compose.yaml'), '');
    const kept = { ...bind(join(root, 'srv/shop')), Destination: inManager };
    const app = { Labels: labels };
    expect(await usersOf({ app, manager: { Mounts: [kept] } })).toEqual({ app: { above: false, ofStack: true } });
    const data = { ...bind(join(root, 'volumes/shop_db/_data')), Destination: '/backup' };
    const both = await usersOf({ app, manager: { Mounts: [kept, data] } });
    expect(both).toEqual({ app: { above: false, ofStack: true }, manager: inside });
    // Another one that has the files elsewhere is no manager: Compose did not run there.
    const other = { ...kept, Destination: '/elsewhere' };
    const beside = await usersOf({ app, manager: { Mounts: [kept] }, other: { Mounts: [other] } });
    expect(beside).toEqual({ app: { above: false, ofStack: true }, other: inside });
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
