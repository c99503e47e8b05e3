import { describe, expect, it } from 'vitest';
import { limits } from '../../../schema/limits.ts';
import { planOf } from '../../../worker/saga/preflight/plan.ts';
import { stackFacts } from './well-facts.ts';

const mib = 1_048_576;
const [volume] = stackFacts.volumes;
const stack = { ...stackFacts, volumes: [{ ...volume!, size_bytes: 10_000 * mib }] };
const facts = {
  stack,
  shipped: [],
  binds: [],
  names: { source: 'old', target: 'new' },
  preCopy: true,
  measuredRate: 50 * mib,
  limit: null as number | null,
  measuredStopStartS: null as number | null,
  projectPlace: null as string | null,
};

const expectedOf = (more: Partial<typeof facts> | { measuredRate: null }) => {
  const { expected, assumed_rate, rate_measured } = planOf({ ...facts, ...more });
  return { byMode: new Map(expected.map((each) => [each.mode, each])), assumed_rate, rate_measured };
};

describe('what the plan expects', () => {
  it('takes the rate that was measured between the two hosts, and says so', () => {
    const { byMode, ...rest } = expectedOf({});
    expect(rest).toEqual({ assumed_rate: 50 * mib, rate_measured: true });
    const { transfer_s = 0, downtime_s = 0 } = byMode.get('stop-copy') ?? {};
    expect(transfer_s).toBeGreaterThanOrEqual(200);
    expect(downtime_s).toBe(transfer_s + limits.plan.assumedStopStartS);
  });

  it('says that the rate is a guess where nothing was measured', () => {
    expect(expectedOf({ measuredRate: null })).toMatchObject({
      assumed_rate: limits.plan.assumedBytesPerS,
      rate_measured: false,
    });
  });

  it('expects a pre-copy to be dark for a part of that, where both hosts offer it', () => {
    const { byMode } = expectedOf({});
    const [whole, rest] = [byMode.get('stop-copy')!.downtime_s, byMode.get('pre-copy')!.downtime_s];
    expect(rest).toBeGreaterThan(limits.plan.assumedStopStartS);
    expect(rest).toBeLessThan(whole / 3);
    expect(expectedOf({ preCopy: false }).byMode.has('pre-copy')).toBe(false);
  });

  it('counts with the limit that was asked for, where the line would take more', () => {
    const slow = planOf({ ...facts, limit: 5 * mib });
    expect(slow).toMatchObject({ assumed_rate: 5 * mib, rate_measured: true, rate_limited: true });
    expect(slow.expected[0]!.transfer_s).toBeGreaterThanOrEqual(2_000);
    expect(planOf({ ...facts, limit: 500 * mib })).toMatchObject({ assumed_rate: 50 * mib, rate_limited: false });
  });

  it('counts with the time that this stack took to stop and start when it last moved', () => {
    const [first, again] = [planOf(facts), planOf({ ...facts, measuredStopStartS: 95 })];
    expect(first).toMatchObject({ stop_start_s: limits.plan.assumedStopStartS, stop_start_measured: false });
    expect(again).toMatchObject({ stop_start_s: 95, stop_start_measured: true });
    for (const mode of [0, 1])
      expect(again.expected[mode]!.downtime_s - first.expected[mode]!.downtime_s).toBe(
        95 - limits.plan.assumedStopStartS,
      );
  });

  it('says where the project directory goes, if not to the same path', () => {
    const project = (place: string | null) => planOf({ ...facts, projectPlace: place }).items.at(-1);
    expect(project('/srv/elsewhere')).toMatchObject({ kind: 'project', place: '/srv/elsewhere' });
    expect(project(stack.working_dir)).not.toHaveProperty('place');
  });
});
