import { describe, expect, it } from 'vitest';
import { composeModel } from '../../../agent/compose/model.ts';
import { privilegesOfContainer } from '../../../agent/engine/docker/policy/created-policy.ts';
import { privilegesOf } from '../../../agent/engine/docker/policy/privileges.ts';
import { exactly } from '../../../agent/permissions/exactly.ts';

const plain = {
  Privileged: false,
  NetworkMode: 'shop_default',
  PidMode: '',
  IpcMode: 'private',
  CapAdd: null,
  SecurityOpt: null,
  DeviceCgroupRules: null,
  Devices: [],
  DeviceRequests: [],
};

const ofFile = (service: object, volumes: object = {}) =>
  [...privilegesOf(composeModel.parse({ name: 'x', services: { s: service }, volumes }), { directory: '/p', own: [] })]
    .flatMap(([, asked]) => asked)
    .map(exactly);
const ofContainer = (HostConfig: object) =>
  privilegesOfContainer(
    { HostConfig: { ...plain, ...HostConfig } },
    { own: new Set<string>(), hostCgroups: false },
  ).map(exactly);

describe('R16 what a permission is for has one form, as the file asks for it and as the engine got it', () => {
  it.each([
    [{ cap_add: ['net_admin', 'CAP_SYS_TIME'] }, { CapAdd: ['CAP_NET_ADMIN', 'SYS_TIME'] }, ['NET_ADMIN', 'SYS_TIME']],
    [{ devices: ['/dev/kvm:/dev/kvm:rw'] }, { Devices: [{ PathOnHost: '/dev/kvm' }] }, ['/dev/kvm']],
    [{ device_cgroup_rules: ['c 1:3 mr'] }, { DeviceCgroupRules: ['c 1:3 mr'] }, ['c 1:3 mr']],
    [
      { security_opt: ['apparmor:unconfined', 'seccomp:unconfined'] },
      { SecurityOpt: ['apparmor=unconfined', 'seccomp=unconfined'] },
      ['apparmor=unconfined', 'seccomp=unconfined'],
    ],
    [{ security_opt: ['seccomp:./own.json'] }, { SecurityOpt: ['seccomp={"a":1}'] }, ['seccomp=profile']],
    [{ volumes_from: ['container:db:ro'] }, { VolumesFrom: ['db:ro'] }, ['volumes_from: container:db:ro']],
    [{ network_mode: 'host', pid: 'host' }, { NetworkMode: 'host', PidMode: 'host' }, [null, null]],
    [{ privileged: true }, { Privileged: true }, [null]],
    [
      { gpus: [{ driver: 'cdi', device_ids: ['a/b=0', 'a/b=1'] }] },
      { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['a/b=0', 'a/b=1'] }] },
      ['a/b=0', 'a/b=1'],
    ],
  ])('%j', (service, hostConfig, what) => {
    expect(ofFile(service)).toEqual(what);
    expect(ofContainer(hostConfig)).toEqual(what);
  });

  it('a volume is its name in the engine, also if another container uses it later', () => {
    const data = { name: 'shop_data', driver_opts: { type: 'nfs' } };
    expect(ofFile({ volumes: [{ type: 'volume', source: 'data', target: '/d' }] }, { data })).toEqual([
      'volume shop_data',
    ]);
    for (const detail of ['volume shop_data, a mount of its own', 'volume shop_data of the stack blog'])
      expect(exactly({ power: 'host_path', detail })).toBe('volume shop_data');
  });
});
