import { describe, expect, test } from 'vitest';
import { readRelayConfig } from '../../relay/config.ts';

const needed = [
  '--control',
  'https://control.example',
  '--state',
  '/var/lib/relay',
  '--advertise',
  'relay.example:7400',
];

describe('the settings of a relay', () => {
  test('flags go before the environment, and what is left has defaults', () => {
    const config = readRelayConfig(needed, { STACKFERRY_STATE: '/elsewhere', STACKFERRY_JOIN_TOKEN: 'token' });
    expect(config).toEqual({
      controlUrl: 'https://control.example',
      stateDir: '/var/lib/relay',
      listen: { host: '0.0.0.0', port: 7400 },
      advertise: { host: 'relay.example', port: 7400 },
      metrics: { host: '127.0.0.1', port: 7401 },
      metricsToken: null,
      joinToken: 'token',
    });
  });

  test('a service of release 0.1.0 starts with its --status-port', () => {
    const { metrics } = readRelayConfig([...needed, '--status-port', '7500'], {});
    expect(metrics).toEqual({ host: '127.0.0.1', port: 7500 });
    expect(readRelayConfig(needed, { STACKFERRY_STATUS_PORT: '7500' }).metrics).toEqual(metrics);
  });

  test('an IPv6 address is written in brackets', () => {
    expect(readRelayConfig([...needed, '--listen', '[::1]:7000'], {}).listen).toEqual({ host: '::1', port: 7000 });
  });

  test.each([
    ['--listen', 'nowhere'],
    ['--listen', 'host:99999'],
    ['--advertise', 'a b:1'],
    ['--metrics', 'nowhere'],
    ['--metrics', '0.0.0.0:7401'],
    ['--status-port', '-1'],
    ['--status-port', '99999'],
    ['--control', 'ftp://control.example'],
  ])('a wrong %s (%s) is named', (flag, value) => {
    expect(() => readRelayConfig([...needed, `${flag}=${value}`], {})).toThrow();
  });

  test('what is missing is named, with how to give it, and the join token is in no message', () => {
    const read = () => readRelayConfig([], { STACKFERRY_JOIN_TOKEN: 'secret-token' });
    expect(read).toThrow(/--control/);
    expect(read).toThrow(/stackferry relay --control/);
    expect(read).not.toThrow(/secret-token/);
  });
});
