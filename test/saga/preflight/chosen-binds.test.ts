import { describe, expect, it } from 'vitest';
import { bindChoice, pathAndPlace } from '../../../schema/bind-choice.ts';
import type { BindTree } from '../../../schema/facts.ts';
import { chosenBinds, placeOf } from '../../../worker/saga/preflight/chosen-binds.ts';
import { mediaMount, plainTree } from '../../support/media-mount.ts';

const tree = (path: string, over: Partial<BindTree> = {}): BindTree => ({ ...plainTree(path), ...over });
const socket = tree('/var/run/docker.sock', { kind: 'socket' });
const system = tree('/etc', { reaches: '/etc' });
const media = tree('/srv/media');
const data = tree('/srv/app/data');
const bind_mounts = [mediaMount];
const bind_trees = [socket, system, media, data];

const chosen = (choices: string[], trees: BindTree[] | null = bind_trees) => {
  const { trees: found, problems } = chosenBinds({ bind_mounts, bind_trees: trees }, choices);
  return { moves: found.map(({ path, place }) => (path === place ? path : `${path}=${place}`)), problems };
};

describe('a choice of bind mounts', () => {
  it.each(['all', '/srv/media', '/srv/media=/mnt/media', '/a=b/c', '/srv=', '/with space/ünï=/x,y'])(
    'takes %s',
    (choice) => {
      expect(bindChoice.safeParse(choice).success).toBe(true);
    },
  );

  it.each(['', 'media', './media', '/', '/srv/', '/srv//media', '/srv/../etc', '/srv/.', '/srv=/', '/a\0b'])(
    'refuses %j',
    (choice) => {
      const parsed = bindChoice.safeParse(choice);
      expect(parsed.error?.issues[0]?.message).toContain('PATH=PLACE');
    },
  );

  it('takes a sign of equality in a path for what it is', () => {
    expect(pathAndPlace('/a=b/c')).toEqual({ path: '/a=b/c', place: '/a=b/c' });
    expect(pathAndPlace('/a=b/c=/d')).toEqual({ path: '/a=b/c', place: '/d' });
  });
});

describe('what a choice moves', () => {
  it('R5: nothing unless it is chosen, by its path or one above it, to the same place or another', () => {
    expect(chosen([])).toEqual({ moves: [], problems: [] });
    expect(chosen(['/srv/media'])).toEqual({ moves: ['/srv/media'], problems: [] });
    expect(chosen(['/srv'])).toEqual({ moves: ['/srv/media', '/srv/app/data'], problems: [] });
    expect(chosen(['/srv=/mnt/disk']).moves).toEqual([
      '/srv/media=/mnt/disk/media',
      '/srv/app/data=/mnt/disk/app/data',
    ]);
  });

  it('R5: all that can move, without sockets and the host’s own directories; a path beside it gives its place', () => {
    expect(chosen(['all'])).toEqual({ moves: ['/srv/media', '/srv/app/data'], problems: [] });
    const both = ['/srv/media=/mnt/media', '/srv/app/data'];
    expect(chosen(['all', '/srv/media=/mnt/media'])).toEqual({ moves: both, problems: [] });
    expect(chosen(['/srv/media=/mnt/media', 'all'])).toEqual({ moves: both, problems: [] });
  });

  it('R5: one mount below another moves with it, and only there', () => {
    const nested = [tree('/srv/app'), data];
    expect(chosen(['all'], nested)).toEqual({ moves: ['/srv/app'], problems: [] });
    expect(chosen(['/srv/app=/mnt/app'], nested)).toEqual({ moves: ['/srv/app=/mnt/app'], problems: [] });
    expect(chosen(['/srv/app', '/srv/app/data=/elsewhere'], nested).problems).toEqual([
      expect.stringContaining('/srv/app/data lies in another one'),
    ]);
    expect(placeOf([{ path: '/srv/app', place: '/mnt/app' }], '/srv/app/data')).toBe('/mnt/app/data');
    expect(placeOf([{ path: '/srv/app', place: '/mnt/app' }], '/srv/application')).toBeNull();
  });

  it.each([
    ['a path that nothing mounts', ['/srv/other'], undefined, 'no bind mount of the stack is at or below /srv/other'],
    ['a socket', ['/var/run/docker.sock'], undefined, 'is a socket'],
    ['a single file', ['/srv/f'], [tree('/srv/f', { kind: 'file' })], 'is a single file: put it into'],
    ['a share', ['/srv/f'], [tree('/srv/f', { kind: 'network' })], 'is on a network file system'],
    ['a device', ['/srv/f'], [tree('/srv/f', { kind: 'device' })], 'is a device'],
    ['a FIFO', ['/srv/f'], [tree('/srv/f', { kind: 'fifo' })], 'is a FIFO'],
    ['what is gone', ['/srv/f'], [tree('/srv/f', { kind: 'absent' })], 'does not exist on the source'],
    ['what the agent does not see', ['/srv/f'], [tree('/srv/f', { kind: 'unseen' })], 'start that with -v'],
    ['a directory of the system', ['/etc'], undefined, 'reaches /etc, which belongs to the host'],
    ['what others use', ['/srv/f'], [tree('/srv/f', { also_used_by: ['plex'] })], 'is also used by plex'],
    ['two to one place', ['/srv/media=/mnt', '/srv/app/data=/mnt'], undefined, 'would both go to /mnt'],
    ['one into the other', ['/srv/media=/mnt', '/srv/app/data=/mnt/x'], undefined, 'would both go to /mnt/x'],
    ['two links to one', ['all'], [media, tree('/srv/alias', { real: '/srv/media' })], 'lead to the same data'],
    ['an older agent', ['all'], null, 'update it'],
  ])('R5: %s is named', (_, choices, trees, problem) => {
    expect(chosen(choices, trees).problems.join()).toContain(problem);
  });
});
