import { describe, expect, it } from 'vitest';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

/** One that two containers of a service mount, the second by `volumes_from`. */
const holding = (size_bytes: number, spoil: (well: Well) => void = () => {}) =>
  facts((w) => {
    const volume = { ...w.stack.volumes[0]!, name: 'f00d', size_bytes, labels: { 'com.docker.volume.anonymous': '' } };
    const entry = (number: number) => ({
      name: 'f00d',
      service: 'db',
      size_bytes,
      move: { volume, number, target: '/state' },
    });
    w.stack = { ...w.stack, anonymous_volumes: [entry(1), entry(2)] };
    spoil(w);
  });

describe('an anonymous volume', () => {
  it('moves once, and goes to the containers that had it, at its place', () => {
    const found = holding(9_000);
    const report = judge(found);
    expect(report.passed).toBe(true);
    expect(report.plan?.items.filter(({ name }) => name === 'f00d')).toHaveLength(1);
    expect(report.needs?.disk_bytes).toBe((judge(facts(() => {})).needs?.disk_bytes ?? 0) + 9_000);
    if (!found.stack.ok || !found.fit.ok || !found.source.ok || !found.target.ok) throw new Error('all hosts answer');
    const hosts = { source: found.source.data, target: found.target.data };
    const plan = sagaPlanOf(found.stack.data, found.fit.data, hosts, found.inputs);
    expect(plan.volumes.map(({ name }) => name)).toContain('f00d');
    expect(plan.deployment.anonymous).toEqual([
      { service: 'db', number: 1, target: '/state', volume: 'f00d' },
      { service: 'db', number: 2, target: '/state', volume: 'f00d' },
    ]);
  });

  it('that a container outside the stack mounts too stays, and so does the stack', () => {
    const shared = holding(9_000, (w) => {
      w.stack.anonymous_volumes[0]!.move!.volume.also_used_by = ['backup'];
    });
    expect(failed(judge(shared))).toEqual(['compose_supported']);
    expect(detailOf(judge(shared), 'compose_supported')).toContain('volume f00d is also used by backup');
  });

  it.each([
    ['holds data', 9_000, ['compose_supported']],
    ['is empty', 0, []],
  ])('on a target whose agent can’t attach it: the stack may go if it %s', (_, bytes, checks) => {
    const report = judge(
      holding(bytes, (w) => {
        w.fit.attaches_anonymous = false;
      }),
    );
    expect(failed(report)).toEqual(checks);
    expect(detailOf(report, 'compose_supported')?.includes('update it')).toBe(bytes > 0);
  });
});
