import { describe, expect, it } from 'vitest';
import { stackNetwork } from '../../../schema/network-facts.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

const project = 'com.docker.compose.project';
const settings = {
  ...{ driver: 'bridge', ipam_driver: 'default', options: {}, internal: false, attachable: true, ipv6: false },
  labels: { [project]: 'proxy', team: 'web' },
  pools: [{ subnet: '10.9.0.0/24', ip_range: null, gateway: '10.9.0.1', reserved: {} }],
};

const asked = (with_external: boolean, spoil: (well: Well) => void = () => {}) =>
  facts((w) => {
    w.stack.networks = [stackNetwork.parse({ name: 'edge', external: true, settings })];
    w.fit.networks_absent = ['edge'];
    w.rest.inputs.with_external = with_external;
    spoil(w);
  });
const planOf = (found: ReturnType<typeof asked>) => {
  if (!found.stack.ok || !found.fit.ok || !found.source.ok || !found.target.ok) throw new Error('all hosts answer');
  return sagaPlanOf(
    found.stack.data,
    found.fit.data,
    { source: found.source.data, target: found.target.data },
    found.inputs,
  );
};
const checkOf = (found: ReturnType<typeof asked>) =>
  judge(found).checks.find(({ name }) => name === 'networks_present')!;

describe('R6: an external network', () => {
  it('that the target lacks is refused, with the option that makes it', () => {
    const report = judge(asked(false));
    expect(failed(report)).toEqual(['networks_present']);
    expect(detailOf(report, 'networks_present')).toContain('"with_external": true');
    expect(planOf(asked(false)).networks).toEqual([]);
  });

  it('is made as on the source if that is wanted, without the labels of the stack that made it', () => {
    const check = checkOf(asked(true));
    expect(check.status).toBe('note');
    expect(check.detail).toMatch(/Made on the target .* edge.* stack proxy, which made network edge, .* move it first/);
    expect(planOf(asked(true)).networks).toEqual([{ ...settings, name: 'edge', labels: { team: 'web' } }]);
  });

  it.each<[string, RegExp, (well: Well) => void]>([
    [
      'with a driver of a cluster',
      /edge, which has the driver overlay/,
      (w) => spoilSettings(w, { driver: 'overlay' }),
    ],
    ['with addresses of a plugin', /addresses: infoblox/, (w) => spoilSettings(w, { ipam_driver: 'infoblox' })],
    [
      'of a source whose agent can’t tell',
      /update the agent of the source/,
      (w) => {
        w.stack.networks[0]!.settings = null;
      },
    ],
    [
      'for a target whose agent can’t make any',
      /agent there can’t make networks: update it/,
      (w) => {
        w.fit.network_differences = null;
      },
    ],
    [
      'whose subnet is taken there',
      /subnet 10\.9\.0\.0\/24 .* create the network there yourself/,
      (w) => {
        w.fit.network_obstacles = [{ name: 'subnet 10.9.0.0/24 of network edge', why: 'network lan uses it' }];
      },
    ],
  ])('%s is not made, and that is named before anything stops', (_, words, spoil) => {
    const check = checkOf(asked(true, spoil));
    expect(check.status).toBe('fail');
    expect(check.detail).toMatch(words);
  });

  it('that is there already is used as it is, and its differences are named', () => {
    const there = asked(true, (w) => {
      w.fit.networks_absent = [];
      w.fit.network_differences = [{ name: 'edge', differs: ['driver: macvlan, on the source bridge'] }];
    });
    expect(checkOf(there)).toMatchObject({
      status: 'note',
      detail: 'Network edge is used as it is on the target (driver: macvlan, on the source bridge).',
    });
    expect(planOf(there).networks).toEqual([]);
  });
});

function spoilSettings({ stack }: Well, more: Partial<typeof settings>): void {
  Object.assign(stack.networks[0]!.settings!, more);
}
