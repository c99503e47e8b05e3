import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { OwnContainer } from '../../../../agent/engine/docker/facts/own-container.ts';
import { type MapContext, projectPaths } from '../../../../agent/engine/docker/path-maps/project-paths.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';
import { engineOf, type FakeContainers, hostOf } from './fake-host.ts';

let root = '';
/** The manager's volume, of an engine whose own directory is `root/docker`. */
let kept = '';
beforeEach(async () => {
  root = await temporaryDirectory();
  kept = join(root, 'docker/volumes/manager/_data');
  await write(join(kept, 'compose/7/compose.yaml'));
});

async function write(path: string, text = '') {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const label = (name: string) => `com.docker.compose.${name}`;
/** Labels that Compose in a container gives: no host has a directory `/in-manager`. */
const labels = (directory = '/in-manager/compose/7', files = `${directory}/compose.yaml`, envFiles = '') => ({
  [label('project')]: 'shop',
  [label('project.working_dir')]: directory,
  [label('project.config_files')]: files,
  ...(envFiles ? { [label('project.environment_file')]: envFiles } : {}),
});
const volume = (Name: string, Destination = '/in-manager') => ({ Type: 'volume', Name, Source: '/x', Destination });
const bind = (Source: string, Destination = '/in-manager') => ({ Type: 'bind', Source, Destination });
const manager = { manager: { Mounts: [volume('manager')] } };

function find(containers: FakeContainers, of = labels(), over: Partial<MapContext> = {}) {
  const volumes = ['manager', 'other'].map((Name) => ({
    Name,
    Mountpoint: join(root, `docker/volumes/${Name}/_data`),
  }));
  return projectPaths(hostOf(engineOf(containers, volumes, join(root, 'docker')), over))(of);
}
const names = (found: Awaited<ReturnType<typeof find>>) => found.managers.map(({ name }) => name);

describe('R19: where a manager keeps a stack’s files', () => {
  it('is found by the manager’s volume, its env files too', async () => {
    const found = await find(manager, labels(undefined, undefined, '/in-manager/compose/7/stack.env'));
    expect(found).toMatchObject({
      directory: join(kept, 'compose/7'),
      configFiles: [join(kept, 'compose/7/compose.yaml')],
      envFiles: [join(kept, 'compose/7/stack.env')],
      fault: null,
    });
    expect(names(found)).toEqual(['manager']);
  });

  it('is found by a bind mount, the nearest one, and by a volume that is one', async () => {
    await write(join(root, 'srv/7/compose.yaml'));
    const mounts = [volume('manager'), bind(join(root, 'srv'), '/in-manager/compose')];
    expect((await find({ manager: { Mounts: mounts } })).directory).toBe(join(root, 'srv/7'));
    await symlink(join(root, 'srv'), join(root, 'alias'));
    const linked = { manager: { Mounts: [bind(join(root, 'alias'), '/in-manager/compose')] } };
    expect((await find(linked)).directory).toBe(join(root, 'srv/7'));
  });

  it('is the labelled directory where this host has it, whatever containers mount there', async () => {
    await write(join(root, 'srv/shop/compose.yaml'));
    const own = labels(join(root, 'srv/shop'));
    await write(join(kept, 'shop/compose.yaml'));
    const found = await find({ manager: { Mounts: [volume('manager', join(root, 'srv'))] } }, own);
    expect(found).toMatchObject({ directory: join(root, 'srv/shop'), fault: null, managers: [] });
  });

  it('is named twice if two containers have the same one, and once for containers of several', async () => {
    expect(names(await find({ ...manager, backup: { Mounts: [volume('manager')] } }))).toEqual(['manager', 'backup']);
  });

  it('is refused with the flags if several could be it', async () => {
    await write(join(root, 'docker/volumes/other/_data/compose/7/compose.yaml'));
    const { fault, directory } = await find({ ...manager, other: { Mounts: [volume('other')] } });
    expect(directory).toBe('/in-manager/compose/7');
    expect(fault).toContain(`--map-path /in-manager=${kept} (container manager)`);
    expect(fault).toContain(`--map-path /in-manager=${join(root, 'docker/volumes/other/_data')} (container other)`);
  });

  it('counts only where the files are, and nothing else is mounted below', async () => {
    await mkdir(join(root, 'docker/volumes/other/_data/compose/7'), { recursive: true });
    expect((await find({ ...manager, other: { Mounts: [volume('other')] } })).directory).toBe(join(kept, 'compose/7'));
    const partly = { manager: { Mounts: [volume('manager'), volume('other', '/in-manager/compose/7/data')] } };
    expect((await find(partly)).directory).toBe('/in-manager/compose/7');
    const hidden = { manager: { Mounts: [volume('manager'), { Type: 'tmpfs', Destination: '/in-manager/compose' }] } };
    expect((await find(hidden)).directory).toBe('/in-manager/compose/7');
  });

  it('is named, not taken, where this host has a directory of that name without the file', async () => {
    const made = join(root, 'data/compose/7');
    await mkdir(join(made, 'files'), { recursive: true });
    const containers = { manager: { Mounts: [volume('manager', join(root, 'data'))] } };
    expect(await find(containers, labels(made))).toMatchObject({
      directory: made,
      fault: expect.stringContaining(`--map-path ${join(root, 'data')}=${kept} (container manager)`),
    });
    const pathMaps = [{ from: join(root, 'data'), to: kept }];
    expect(await find(containers, labels(made), { pathMaps })).toMatchObject({
      directory: join(kept, 'compose/7'),
      fault: null,
    });
  });

  it('is given by the operator: the longest map counts, and the containers that have it are its managers', async () => {
    await write(join(root, 'far/7/compose.yaml'));
    const pathMaps = [
      { from: '/in-manager', to: kept },
      { from: '/in-manager/compose', to: join(root, 'far') },
    ];
    const containers = { ...manager, other: { Mounts: [bind(join(root, 'far'), '/in-manager/compose')] } };
    const found = await find(containers, labels(), { pathMaps });
    expect(found).toMatchObject({ directory: join(root, 'far/7'), fault: null });
    expect(names(found)).toEqual(['other']);
    const nowhere = { pathMaps: [{ from: '/in-manager', to: join(root, 'gone') }] };
    expect((await find({}, labels(), nowhere)).fault).toContain(`--map-path /in-manager=${join(root, 'gone')}`);
    expect((await find({}, labels('/in-managers/7'), { pathMaps })).directory).toBe('/in-managers/7');
  });

  it('is refused if the operator’s map hides files that this host has at the labelled place', async () => {
    await write(join(root, 'data/shop/compose.yaml'));
    await write(join(kept, 'shop/compose.yaml'));
    const pathMaps = [{ from: join(root, 'data'), to: kept }];
    const { fault } = await find({}, labels(join(root, 'data/shop')), { pathMaps });
    expect(fault).toContain('map the directory of the manager');
    const same = { pathMaps: [{ from: join(root, 'data'), to: join(root, 'data') }] };
    expect((await find({}, labels(join(root, 'data/shop')), same)).fault).toBeNull();
    await rm(join(kept, 'shop'), { recursive: true });
    const found = await find({}, labels(join(root, 'data/shop')), { pathMaps });
    expect(found).toMatchObject({ directory: join(root, 'data/shop'), fault: null });
  });

  it('is not guessed by an agent in a container, which can’t see what the host has, but named', async () => {
    const own: OwnContainer = {
      ...{ id: 'me', name: 'agent', image: '', hostPids: true, hostNetwork: true },
      mounts: [],
    };
    const { fault, directory } = await find(manager, labels(), { own });
    expect(directory).toBe('/in-manager/compose/7');
    expect(fault).toContain(`--map-path /in-manager=${kept}`);
  });
});

describe('R19: labels can’t lead anywhere else', () => {
  it('neither by dots, nor by the stack’s own mounts, nor by a helper’s', async () => {
    await write(join(root, 'secret/compose.yaml'));
    const up = labels('/in-manager/../in-manager/../secret');
    expect((await find({ manager: { Mounts: [bind(root)] } }, up)).directory).toBe('/secret');
    const own = { evil: { Mounts: [bind(root)], Labels: { [label('project')]: 'shop' } } };
    expect((await find(own, labels('/in-manager/secret'))).directory).toBe('/in-manager/secret');
    const helper = { evil: { Mounts: [bind(root)], Labels: { 'dev.stackferry.helper': 'pack' } } };
    expect((await find(helper, labels('/in-manager/secret'))).directory).toBe('/in-manager/secret');
  });

  it.each([
    ['the directory', async () => symlink(join(root, 'secret'), join(kept, 'compose/8'))],
    [
      'a directory above',
      async () => {
        await write(join(root, 'secrets/8/compose.yaml'));
        await rm(join(kept, 'compose'), { recursive: true });
        await symlink(join(root, 'secrets'), join(kept, 'compose'));
      },
    ],
    [
      'the file',
      async () => {
        await mkdir(join(kept, 'compose/8'));
        await symlink(join(root, 'secret/compose.yaml'), join(kept, 'compose/8/compose.yaml'));
      },
    ],
    [
      '.env',
      async () => {
        await write(join(kept, 'compose/8/compose.yaml'));
        await symlink(join(root, 'secret/.env'), join(kept, 'compose/8/.env'));
      },
    ],
  ])('a link out of the map is never followed: %s', async (_, make) => {
    await write(join(root, 'secret/compose.yaml'));
    await write(join(root, 'secret/.env'));
    await make();
    const of = labels('/in-manager/compose/8');
    const refused = {
      directory: '/in-manager/compose/8',
      configFiles: ['/in-manager/compose/8/compose.yaml'],
      fault: expect.stringContaining('leads out of'),
    };
    expect(await find(manager, of)).toMatchObject(refused);
    const given = { pathMaps: [{ from: '/in-manager', to: kept }] };
    expect(await find({}, of, given)).toMatchObject(refused);
  });

  it('a link inside the map is followed to its real place', async () => {
    await symlink('7', join(kept, 'compose/current'));
    const found = await find(manager, labels('/in-manager/compose/current'));
    expect(found).toMatchObject({ directory: join(kept, 'compose/7'), fault: null });
  });

  it.each(['docker/image', 'docker/volumes', 'state'])('%s of this host is refused', async (path) => {
    await write(join(root, path, 'compose.yaml'));
    const containers = { cadvisor: { Mounts: [bind(root)] } };
    const found = await find(containers, labels(join('/in-manager', path)), { stateDir: join(root, 'state') });
    expect(found).toMatchObject({
      directory: join('/in-manager', path),
      fault: expect.stringMatching(/belongs to this host/),
    });
  });

  it('a file of this host is not mixed into a stack that is found by a map', async () => {
    const pathMaps = [{ from: '/in-manager', to: kept }];
    for (const of of [
      labels(undefined, '/in-manager/compose/7/compose.yaml,/etc/hostname'),
      labels(undefined, undefined, '/etc/environment'),
    ])
      for (const over of [{}, { pathMaps }]) {
        const { fault } = await find(manager, of, over);
        expect(fault).toMatch(/^\/etc\/\w+ lies outside \/in-manager/);
      }
  });
});
