import { expect, it } from 'vitest';
import type { HostFacts } from '../../../schema/host-facts.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { facts } from './spoilt-facts.ts';
import { stackFacts } from './well-facts.ts';

const [first, ...rest] = stackFacts.services;
const publishing = (ports: { host_ip: string; port: number; protocol: 'tcp' | 'udp' | 'sctp' }[]) => ({
  ...stackFacts,
  services: [{ ...first!, ports }, ...rest.map((other) => ({ ...other, ports: [] }))],
});
const web = publishing([{ host_ip: '', port: 8080, protocol: 'tcp' }]);

function judged(options: Partial<MoveOptions>, over: { stack?: typeof web; source?: Partial<HostFacts> } = {}): Report {
  return judge(
    facts((well) => {
      Object.assign(well.rest.inputs, options);
      Object.assign(well.source, over.source);
      Object.assign(well.stack, over.stack ?? web);
    }),
  );
}
const said = (report: Report) => report.checks.find(({ name }) => name === 'engine_compatible');

it('passes where the source can redirect connections', () => {
  expect(judged({ forward: true }).passed).toBe(true);
});

it.each([
  ['an older agent', { forwarding: null }, /The agent of "old" can’t forward connections: update it/],
  [
    'no firewall',
    { forwarding: { ok: false, detail: 'it sees no rules of Docker.', ipv6: null } },
    /"old" can’t forward.*no rules/,
  ],
  [
    'no ip6tables, of a stack that is published for IPv6 too',
    { forwarding: { ok: true, detail: 'iptables', ipv6: 'ip6tables-save is missing there' } },
    /"old" can’t forward connections over IPv6, at which the stack publishes 8080: ip6tables-save is missing/,
  ],
])('refuses a source with %s', (_what, source, words) => {
  expect(said(judged({ forward: true }, { source }))).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(words),
  });
  expect(judged({}, { source }).passed, 'without "forward"').toBe(true);
});

it('asks for no ip6tables where a stack is published for IPv4 alone', () => {
  const source = { forwarding: { ok: true, detail: 'iptables', ipv6: 'ip6tables-save is missing there' } };
  const stack = publishing([{ host_ip: '0.0.0.0', port: 8080, protocol: 'tcp' }]);
  expect(judged({ forward: true }, { source, stack }).passed).toBe(true);
});

it('refuses a PROXY header where it would reach nobody', () => {
  expect(said(judged({ proxy_protocol: [8080] }))?.detail).toContain('add "forward"');
  expect(said(judged({ forward: true, proxy_protocol: [9090] }))?.detail).toContain('no TCP port 9090');
  expect(judged({ forward: true, proxy_protocol: [8080] }).passed).toBe(true);
});

it('says that datagrams are lost until the stack runs on the target', () => {
  const dns = publishing([
    { host_ip: '', port: 53, protocol: 'udp' },
    { host_ip: '', port: 53, protocol: 'tcp' },
  ]);
  const { passed, notes } = judged({ forward: true }, { stack: dns });
  expect(passed).toBe(true);
  expect(notes.join(' ')).toMatch(/Datagrams to 53\/udp are forwarded once the stack runs on the target/);
});

it('refuses a PROXY header for a port of UDP', () => {
  const dns = publishing([{ host_ip: '', port: 53, protocol: 'udp' }]);
  expect(said(judged({ forward: true, proxy_protocol: [53] }, { stack: dns }))?.detail).toContain('no TCP port 53');
});

it('says what is not forwarded', () => {
  const phones = publishing([{ host_ip: '', port: 5060, protocol: 'sctp' }]);
  const { passed, notes } = judged({ forward: true }, { stack: phones });
  expect(passed).toBe(true);
  expect(notes.join(' ')).toMatch(
    /publishes no port, so there is nothing to forward.*SCTP is not forwarded: clients of 5060\/sctp/,
  );
});
