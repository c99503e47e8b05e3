import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { composeModel } from '../../../agent/compose/model.ts';
import { packArguments, stripScript, unpackArguments } from '../../../agent/engine/docker/data/tar-arguments.ts';
import { listenersIn } from '../../../agent/engine/docker/facts/ports.ts';
import { privilegeOfBind, privilegesOf } from '../../../agent/engine/docker/policy/privileges.ts';
import { policyOf, projectOn } from '../../../agent/engine/docker/stack/deployment.ts';
import { compareVersions } from '../../../schema/compare-versions.ts';
import { temporaryDirectory } from '../../agent/temporary.ts';

it('the argv of the helpers’ tar, to the letter', () => {
  expect(packArguments.join(' ')).toBe(
    'tar -C /v -b 512 --format=posix --numeric-owner --xattrs --xattrs-include=user.* --xattrs-include=security.capability --xattrs-include=system.posix_acl_* --sparse --one-file-system -v --index-file=/dev/null -c .',
  );
  expect(unpackArguments.join(' ')).toBe(
    'tar --warning=no-timestamp -C /v -b 512 -x -p --same-owner --numeric-owner --xattrs --xattrs-include=user.* --xattrs-include=security.capability --xattrs-include=system.posix_acl_* -f -',
  );
});

it('R23: attributes are taken off a directory whatever bytes their names have', async () => {
  const dir = await temporaryDirectory();
  const setUp = `cd ${dir}; mkdir 'with space'; printf './with space\\0./gone\\0' >list
    for name in plain 'a=b' 'with space ' 'per%cent%s' 'back\\slash\\101' "$(printf 'new\\nline')"; do
      setfattr -n "user.$name" -v 1 'with space'
    done; getfattr -m - 'with space' | grep -c user`;
  expect(execFileSync('sh', ['-c', setUp], { encoding: 'utf8' })).toBe('6\n');
  execFileSync('sh', ['-c', stripScript(`${dir}/list`).replace('/v', dir)]);
  expect(execFileSync('getfattr', ['-m', '-', `${dir}/with space`], { encoding: 'utf8' })).toBe('');
});

describe('B38 powers that reach beyond a container', () => {
  const powers = (service: object) =>
    privilegesOf(composeModel.parse({ name: 'x', services: { s: service } }), {
      directory: '/root/shop',
      own: ['/mnt/docker', '/data/agent'],
    })
      .get('s')
      ?.map(({ power }) => power);
  it.each([
    [{ privileged: true }, ['privileged']],
    [{ network_mode: 'host', pid: 'host', ipc: 'host' }, ['host_network', 'host_pid', 'host_ipc']],
    [{ volumes: [{ type: 'bind', source: '/var/run/docker.sock', target: '/s' }] }, ['docker_socket']],
    [{ volumes: [{ type: 'bind', source: '/', target: '/host' }] }, ['host_path']],
    [{ volumes: [{ type: 'bind', source: '/etc/passwd', target: '/p' }] }, ['host_path']],
    [{ volumes: [{ type: 'bind', source: '/srv/media', target: '/m' }] }, []],
    [{ volumes: [{ type: 'bind', source: '/root/shop/data', target: '/m' }] }, []],
    [{ cap_add: ['SYS_ADMIN'], devices: ['/dev/kvm:/dev/kvm'] }, ['devices', 'cap_add']],
    [{ security_opt: ['no-new-privileges:true', 'seccomp:unconfined'] }, ['security_opt']],
    [
      {
        gpus: [
          { driver: 'cdi', device_ids: ['vendor.com/any=all'] },
          { driver: 'nvidia', count: 'all' },
        ],
      },
      ['devices'],
    ],
    [{ network_mode: 'bridge', external_links: ['till-app-1'] }, ['host_network']],
    [{ networks: { shared: null }, external_links: ['proxy-app-1'] }, []],
    [{ logging: { driver: 'fluentd', options: { 'fluentd-address': 'UNIX:///run/any.sock' } } }, ['host_path']],
    [{ logging: { driver: 'syslog', options: { 'syslog-address': 'unixgram:///dev/log', tag: '/app' } } }, []],
  ])('%j', (service, found) => {
    expect(powers(service)).toEqual(found);
  });
});

describe('P4 a bind mount needs a permission where its writer could become root on the host', () => {
  const own = ['/mnt/docker', '/data/agent'];
  it.each([
    ['/var', 'holds the engine’s and systemd’s directories'],
    ['/var/lib', 'does too'],
    ['/var/lib/docker/volumes/other_db/_data', 'is another stack’s volume'],
    ['/opt', 'holds containerd’s plugins'],
    ['/mnt', 'holds the engine’s data root'],
    ['/mnt/docker/volumes/other_db/_data', 'lies in the engine’s data root'],
    ['/data/agent/identity', 'lies in the agent’s state directory'],
    ['/data', 'holds the agent’s state directory'],
    ['/var/spool/cron/crontabs', 'runs as root'],
    ['/home', 'holds users’ keys'],
    ['/home/alice', 'holds a user’s keys'],
    ['/home/alice/.ssh', 'lets in'],
    ['/root/scripts', 'is root’s'],
    ['/srv/../etc', 'is /etc'],
  ])('%s %s', (source) => {
    expect(privilegeOfBind(source, false, { directory: '/srv/shop', own })).toBe('host_path');
  });

  it.each(['/srv/media', '/var/www', '/home/alice/photos', '/mnt/disk', '/data/media', '/varnish', '/srv/shop/conf'])(
    '%s needs none',
    (source) => {
      expect(privilegeOfBind(source, false, { directory: '/srv/shop', own })).toBeNull();
    },
  );
});

describe('R16: what every program of a host may know', () => {
  const host = { directory: '/srv/shop', own: [] };
  it.each(['/etc/localtime', '/usr/share/zoneinfo/Europe/Rome', '/etc/ssl/certs', '/etc/timezone'])(
    '%s needs no privilege to be read, and one to be written',
    (source) => {
      expect(privilegeOfBind(source, true, host)).toBeNull();
      expect(privilegeOfBind(source, false, host)).toBe('host_path');
    },
  );

  it.each(['/etc', '/', '/etc/ssl', '/etc/ssl/private', '/etc/shadow', '/usr/share', '/proc', '/etc/localtime.d'])(
    '%s needs one even to be read',
    (source) => {
      expect(privilegeOfBind(source, true, host)).toBe('host_path');
    },
  );

  it('the docker socket needs its own, read-only too', () => {
    expect(privilegeOfBind('/var/run/docker.sock', true, host)).toBe('docker_socket');
  });
});

describe('restart policies as the file says', () => {
  it.each([
    [{ restart: 'always' }, { name: 'always', maximum_retry_count: 0 }],
    [{ restart: 'on-failure:3' }, { name: 'on-failure', maximum_retry_count: 3 }],
    [{}, { name: 'no', maximum_retry_count: 0 }],
    [{ deploy: { restart_policy: { condition: 'any' } } }, { name: 'always', maximum_retry_count: 0 }],
    [{ deploy: { restart_policy: { condition: 'none' } } }, { name: 'no', maximum_retry_count: 0 }],
  ])('%j', (service, policy) => {
    expect(policyOf(service)).toEqual(policy);
  });
});

it('a project’s files are found at their new place; what lay elsewhere stays named', () => {
  const deployment = {
    project: 'shop',
    source_dir: '/srv/shop',
    target_dir: '/data/shop',
    config_files: ['/srv/shop/compose.yaml', '/etc/extra.yaml'],
    env_files: [],
    override: null,
    anonymous: [],
    drifted: [],
    services: [],
    one_shots: [],
    before: [],
  };
  expect(projectOn(deployment).configFiles).toEqual(['/data/shop/compose.yaml', '/etc/extra.yaml']);
});

it('versions compare by number', () => {
  expect(compareVersions('2.9.0', '2.20')).toBeLessThan(0);
  expect(compareVersions('2.26.1-4', '2.20')).toBeGreaterThan(0);
});

it('listening sockets are read from the kernel’s table', () => {
  const table = `  sl  local_address rem_address   st
   0: 0100007F:1F90 00000000:0000 0A 0
   1: 00000000:0050 00000000:0000 0A 0
   2: 0100007F:9C40 0100007F:1F90 01 0`;
  expect(listenersIn(table, 'tcp').map(({ port, address }) => [port, address])).toEqual([
    [8080, '127.0.0.1'],
    [80, null],
  ]);
});
