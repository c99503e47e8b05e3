import { describe, expect, it } from 'vitest';
import {
  assertOwnContainer,
  containerIds,
  hiddenStacks,
  type OwnContainer,
  seesHostPath,
} from '../../../../agent/engine/docker/facts/own-container.ts';
import { placeRefusal } from '../../../../agent/engine/docker/policy/project-place.ts';
import { guardContainer, holderContainer } from '../../../../agent/lease/guard-container.ts';

const id = 'ab'.repeat(32);
const other = 'cd'.repeat(32);
const bind = (source: string, destination = source, writable = true) => ({ source, destination, writable });
const own: OwnContainer = {
  id,
  name: 'stackferry-agent',
  image: 'sha256:1',
  hostPids: true,
  hostNetwork: true,
  mounts: [bind('/var/lib/docker'), bind('/var/lib/stackferry'), bind('/srv'), bind('/mnt/old', '/srv/old')],
};

describe('the agent’s own container', () => {
  it('is recognised by the files that Docker mounts into it, by a cgroup, or by the host name', () => {
    const mounts = [
      `700 650 0:50 / / rw - overlay overlay rw`,
      `720 700 8:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`,
    ].join('\n');
    expect(containerIds(mounts, '0::/\n', 'shop')).toEqual([id]);
    expect(containerIds('', `0::/system.slice/docker-${id}.scope\n`, 'shop')).toEqual([id]);
    expect(containerIds('', `4:memory:/docker/${id}\n`, 'shop')).toEqual([id]);
    expect(containerIds('', '0::/\n', id.slice(0, 12))).toEqual([id.slice(0, 12)]);
  });

  it('is none of those whose mounts a host sees', () => {
    const mounts = `30 20 0:60 / /var/lib/docker/containers/${other}/mounts/shm rw - tmpfs shm rw`;
    expect(containerIds(mounts, '0::/system.slice/stackferry.service\n', 'web-1')).toEqual([]);
  });
});

describe('an agent in a container', () => {
  it('finds the host’s own only where the same path is mounted, to be written', () => {
    expect(seesHostPath(null, '/anywhere')).toBe(true);
    expect(
      ['/srv', '/srv/shop', '/opt/shop', '/srv/old/shop', '/srvshop'].map((path) => seesHostPath(own, path)),
    ).toEqual([true, true, false, false, false]);
    expect(seesHostPath({ ...own, mounts: [bind('/srv', '/srv', false)] }, '/srv/shop')).toBe(false);
  });

  const start = { stateDir: '/var/lib/stackferry', stacksDir: null, dataRoot: '/var/lib/docker' };
  it.each([
    [{ hostPids: false }, {}, '--pid host'],
    [{ hostNetwork: false }, {}, '--network host'],
    [{}, { stateDir: '/mnt/state' }, '-v /mnt/state:/mnt/state'],
    [{}, { dataRoot: '/mnt/docker' }, '-v /mnt/docker:/mnt/docker'],
    [{}, { stacksDir: '/stacks' }, '-v /stacks:/stacks'],
  ])('says at its start what it was started without: %j %j', (container, options, flag) => {
    const assert = () => assertOwnContainer({ ...own, ...container }, { ...start, ...options });
    expect(assert).toThrow(`start it with ${flag}`);
  });

  it('starts where all is there', () => {
    assertOwnContainer(own, start);
    assertOwnContainer(null, { ...start, stateDir: '/elsewhere' });
  });

  it('names the stacks whose directories it does not have, and takes none into such a directory', async () => {
    const stacks = [
      { project: 'shop', plain: false, working_dir: '/srv/shop' },
      { project: 'blog', plain: false, working_dir: '/mnt/me/blog' },
      { project: 'proxy', plain: true, working_dir: '' },
    ];
    expect(hiddenStacks(own, stacks)).toEqual([expect.stringContaining('stack "blog" can\'t move')]);
    const host = { own, stacksDir: null, ownPaths: async () => [], pathMaps: [] };
    expect(await placeRefusal(host, 'blog', '/mnt/me/blog')).toContain("does not have the host's /mnt/me/blog");
    expect(await placeRefusal(host, 'blog', '/srv/blog')).toBeNull();
  });

  it('has its lease guard in a container that outlives its own', () => {
    expect(
      guardContainer(own, '/var/lib/stackferry', ['/usr/bin/node', 'agent.js', '/var/lib/stackferry']),
    ).toMatchObject({
      Image: 'sha256:1',
      Entrypoint: ['/usr/bin/node'],
      Cmd: ['agent.js', '/var/lib/stackferry'],
      HostConfig: { PidMode: 'host', VolumesFrom: [id], AutoRemove: true, RestartPolicy: { Name: 'no' } },
    });
  });

  it('has its connection holder in another one, which can change the host’s firewall', () => {
    expect(holderContainer(own, '/var/lib/stackferry', ['/usr/bin/node', 'agent.js'])).toMatchObject({
      Image: 'sha256:1',
      Entrypoint: ['/usr/bin/node'],
      HostConfig: { NetworkMode: 'host', CapAdd: ['NET_ADMIN', 'NET_RAW'], VolumesFrom: [id], AutoRemove: true },
    });
  });
});
