import { describe, expect, it } from 'vitest';
import { overrideHeader, overrideText } from '../../../../agent/engine/docker/stack/bind-override.ts';

const directories = { source_dir: '/srv/shop', target_dir: '/stacks/shop', replaces: false };
const media = {
  type: 'bind',
  source: '/srv/media',
  target: '/media/',
  read_only: true,
  bind: { propagation: 'rslave' },
};
const web = { volumes: [{ type: 'volume', source: 'data', target: '/data' }, media], volumes_from: [] };
const text = (override: Partial<Parameters<typeof overrideText>[0]>, services: Record<string, typeof web>) =>
  overrideText(
    { file: 'compose.override.yaml', mounts: [], places: [], volumes: [], ...override },
    new Map(Object.entries(services)),
    directories,
  );

describe('R5: the Compose file of ours', () => {
  it('gives a mount another source, and leaves everything else about it as it was', () => {
    const mounts = [{ service: 'web', target: '/media', source: '/mnt/a "disk" for $5' }];
    expect(text({ mounts }, { web }).split('\n')).toEqual([
      overrideHeader,
      'services:',
      '  "web":',
      '    volumes:',
      '      - {"type":"bind","source":"/mnt/a \\"disk\\" for $$5","target":"/media/","read_only":true,"bind":{"propagation":"rslave"}}',
      '',
    ]);
  });

  it('gives it to services that have no container too, by absolute and by relative paths', () => {
    const places = [{ path: '/srv/media', place: '/mnt/media' }];
    const films = { volumes: [{ ...media, source: '/srv/media/films' }], volumes_from: [] };
    // "../media" in the file.
    const relative = { volumes: [{ ...media, source: '/stacks/media' }], volumes_from: [] };
    const other = { volumes: [{ ...media, source: '/srv/mediathek' }], volumes_from: [] };
    const found = text({ places }, { films, relative, other });
    expect(found).toContain('"source":"/mnt/media/films"');
    expect(found).toContain('"source":"/mnt/media"');
    expect(found).not.toContain('other');
  });

  it('says again what the one said that it replaces', () => {
    const before = {
      volumes: [
        { ...media, source: '/mnt/b' },
        { ...media, source: '/stacks/shop/conf' },
      ],
      volumes_from: [],
    };
    const override = { file: 'compose.override.yaml', mounts: [], places: [], volumes: [] };
    const found = overrideText(override, new Map([['web', before]]), { ...directories, replaces: true });
    expect(found).toContain('"source":"/mnt/b"');
    expect(found).not.toContain('/stacks/shop/conf');
  });

  it('R18: gives a volume whose options bind a path another one', () => {
    const volumes = [{ key: 'media', device: '/mnt/$5' }];
    const line = '  "media": {"driver_opts":{"device":"/mnt/$$5"}}';
    expect(text({ volumes }, { web }).split('\n')).toEqual([overrideHeader, 'services: {}', 'volumes:', line, '']);
  });

  it('names a mount that the files do not have', () => {
    const mounts = [{ service: 'web', target: '/data', source: '/mnt' }];
    expect(() => text({ mounts }, { web })).toThrow('mount nothing at /data of service web');
  });

  it('leaves a mount that comes from another service to that one', () => {
    const mounts = ['web', 'worker'].map((service) => ({ service, target: '/media', source: '/mnt' }));
    const worker = { volumes: [], volumes_from: ['web'] } as unknown as typeof web;
    const found = text({ mounts }, { web, worker });
    expect(found).toContain('"web":');
    expect(found).not.toContain('worker');
  });
});
