import { describe, expect, it } from 'vitest';
import { optionMountOf } from '../../schema/option-mounts.ts';

const kindOf = (options: Record<string, string>, driver = 'local') => optionMountOf({ driver, options })?.kind ?? null;

describe('R18: what a volume’s options make of it', () => {
  it.each([
    [{ type: 'none', o: 'bind', device: '/srv/media' }, 'bind'],
    [{ o: 'rbind,ro', device: '/srv/a..b/c' }, 'bind'],
    [{ type: 'tmpfs', device: 'tmpfs' }, 'tmpfs'],
    [{ type: 'tmpfs', o: 'size=100m,uid=1000', device: 'tmpfs' }, 'tmpfs'],
    [{ type: 'nfs', o: 'addr=10.0.0.1', device: ':/export' }, 'network'],
    [{ type: 'cifs', o: 'username=a', device: '//nas/share' }, 'network'],
    [{}, null],
  ])('%j', (options, kind) => {
    expect(kindOf(options)).toBe(kind);
  });

  it.each([
    ['a relative path', { type: 'none', o: 'bind', device: 'data' }],
    ['a path with steps up', { type: 'none', o: 'bind', device: '/srv/../etc' }],
    ['a bind in a tmpfs’s clothes', { type: 'tmpfs', o: 'bind', device: '/etc' }],
    ['mounts that travel to the host', { type: 'none', o: 'bind,rshared', device: '/srv' }],
    ['a disk', { type: 'ext4', device: '/dev/sda1' }],
    ['an overlay', { type: 'overlay', o: 'lowerdir=/etc,upperdir=/srv/u', device: 'overlay' }],
    ['options of another driver', { type: 'none', o: 'bind', device: '/srv', cluster: 'x' }],
  ])('%s is none of them', (_, options) => {
    expect(kindOf(options as Record<string, string>)).toBeNull();
    expect(kindOf({ type: 'none', o: 'bind', device: '/srv' }, 'rclone')).toBeNull();
  });
});
