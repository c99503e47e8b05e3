import { expect, it } from 'vitest';
import { privilegesOfContainer } from '../../../../agent/engine/docker/policy/created-policy.ts';

const plain = {
  Privileged: false,
  NetworkMode: 'shop_default',
  PidMode: '',
  IpcMode: 'private',
  CgroupnsMode: 'private',
};
const own = new Set(['of-this-stack', '/shop-db-1']);
const powers = (more: object, hostCgroups = false) =>
  privilegesOfContainer({ HostConfig: { ...plain, ...more } }, { own, hostCgroups }).map(({ power }) => power);

it.each([
  [{ Privileged: true }, ['privileged']],
  [{ NetworkMode: 'host', PidMode: 'host', IpcMode: 'host' }, ['host_network', 'host_pid', 'host_ipc']],
  [{ PidMode: 'container:of-another-stack' }, ['host_pid']],
  [{ UsernsMode: 'host', CgroupnsMode: 'host' }, ['host_userns', 'cgroup']],
  [{ CgroupParent: '/docker' }, ['cgroup']],
  [{ CapAdd: ['SYS_ADMIN'], Devices: [{ PathOnHost: '/dev/kvm' }] }, ['cap_add', 'devices']],
  [{ DeviceCgroupRules: ['b *:* rwm'], SecurityOpt: ['seccomp=unconfined'] }, ['devices', 'security_opt']],
  [{ VolumesFrom: ['of-another-stack:ro'] }, ['host_path']],
  [{ DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['vendor.com/any=all'] }] }, ['devices']],
  [{ NetworkMode: 'bridge', Links: ['/till-app-1:/shop-web-1/till', '/shop-db-1:/shop-web-1/db'] }, ['host_network']],
])('P4 B38 a container that was created with %j has powers of the host', (created, expected) => {
  expect(powers(created)).toEqual(expected);
});

it('what the Engine gives to all, or implies, is no power of its own', () => {
  expect(powers({ CgroupnsMode: 'host' }, true)).toEqual([]);
  expect(powers({ PidMode: 'host', SecurityOpt: ['label=disable'] })).toEqual(['host_pid']);
  expect(powers({ SecurityOpt: ['label=disable'] })).toEqual(['security_opt']);
});

it('a container of an ordinary stack has none, nor does one that shares with its own stack', () => {
  expect(powers({})).toEqual([]);
  expect(powers({ Links: ['/proxy-app-1:/shop-web-1/proxy'], DeviceRequests: [{ Driver: 'nvidia' }] })).toEqual([]);
  const shared = { NetworkMode: 'container:of-this-stack', PidMode: 'container:of-this-stack' };
  expect(powers({ ...shared, VolumesFrom: ['of-this-stack:rw'], SecurityOpt: ['no-new-privileges:true'] })).toEqual([]);
});
