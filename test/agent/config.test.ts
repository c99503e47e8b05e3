import { describe, expect, test } from 'vitest';
import { parseAgentConfig, UsageError } from '../../agent/config.ts';

const parse = (line: string, env: Record<string, string> = {}) => parseAgentConfig(line.split(' '), env);

describe('agent configuration', () => {
  test('docker is the engine unless told otherwise', () => {
    expect(parse('--control https://ferry.example --state /var/lib/ferry')).toEqual({
      controlUrl: 'https://ferry.example',
      joinToken: null,
      stateDir: '/var/lib/ferry',
      engine: { kind: 'docker', socket: '/var/run/docker.sock', binary: 'docker', helperImage: null },
      stacksDir: null,
      allow: [],
      allowKeys: [],
      pathMaps: [],
      direct: null,
      opensPort: true,
      metrics: null,
      metricsToken: null,
      publicAddresses: [],
      cloudflareTokenFile: null,
      bandwidthLimit: null,
      upgrade: 'asked',
      programsDir: null,
    });
  });

  test('the join token comes from its flag, else from the environment', () => {
    const env = { STACKFERRY_JOIN_TOKEN: 'from-env' };
    expect(parse('--control http://c', env).joinToken).toBe('from-env');
    expect(parse('--control http://c --join flag', env).joinToken).toBe('flag');
  });

  test('allowed powers are named one by one', () => {
    expect(parse('--control http://c --allow privileged,host_network').allow).toEqual(['privileged', 'host_network']);
  });

  test('attributes that no policy knows are named one by one', () => {
    expect(parse('--control http://c --allow-key models,pre_start').allowKeys).toEqual(['models', 'pre_start']);
  });

  test('R19: directories of managers’ containers are given one by one, a path with "=" included', () => {
    expect(parse('--control http://c --map-path /data=/srv/p/_data --map-path /a=b=/c').pathMaps).toEqual([
      { from: '/data', to: '/srv/p/_data' },
      { from: '/a=b', to: '/c' },
    ]);
  });

  test('what is wrong is named by its flag', () => {
    for (const [line, named] of [
      ['--state /x', '--control'],
      ['--control ftp://c', '--control'],
      ['--control http://c --engine podman', '--engine'],
      ['--control http://c --engine embedded', '--embedded-root'],
      ['--control http://c --allow root', '--allow'],
      ['--control http://c --colour blue', '--colour'],
      ['--control http://c --metrics nowhere', '--metrics: must be host:port'],
      ['--control http://c --metrics 0.0.0.0:7402', '--metrics: 0.0.0.0 can be reached from other machines'],
      ['--control http://c --public-address nowhere', '--public-address: is a list of IP addresses'],
      ['--control http://c --public-address 127.0.0.1', '--public-address: is a list of IP addresses'],
      ['--control http://c --public-address 192.0.2.1,192.0.2.2', '--public-address: takes one address of each family'],
      ['--control http://c --map-path /data', '--map-path is FROM=TO'],
      ['--control http://c --map-path data=/srv', '--map-path is FROM=TO'],
      ['--control http://c --map-path /=/srv', '--map-path is FROM=TO'],
      ['--control http://c --map-path /data=/', '--map-path is FROM=TO'],
      ['--control http://c --map-path /data=/srv/../etc', '--map-path is FROM=TO'],
      ['--control http://c --map-path /data/./x=/srv', '--map-path is FROM=TO'],
      ['--control http://c --map-path /data=/a --map-path /data=/b', '--map-path: names one directory twice'],
    ] as const) {
      expect(() => parse(line), line).toThrow(UsageError);
      expect(() => parse(line), line).toThrow(named);
    }
  });
});
