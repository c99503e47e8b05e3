import { describe, expect, it } from 'vitest';
import { returnDelayMs } from '../../node/return-delay.ts';
import { limits } from '../../schema/limits.ts';

const ending = { attempt: 1, turnedAway: false, herd: false, retryAfterMs: 0 };
const delays = (more: Partial<typeof ending>) =>
  [0, 0.5, 1].map((at) => returnDelayMs({ ...ending, ...more }, limits.control, () => at));

describe('how long a host waits before it connects again', () => {
  it('C14 is spread over 5 to 10 s where a deploy cut all of an idle fleet, and short elsewhere', () => {
    expect(delays({ herd: true })).toEqual([5_000, 7_500, 10_000]);
    expect(delays({})).toEqual([250, 375, 500]);
  });

  it('C14 is at least what the control plane asks for, jittered, and ends before a lease does', () => {
    expect(delays({ retryAfterMs: 5_000 })).toEqual([5_000, 6_250, 7_500]);
    expect(delays({ retryAfterMs: 3_600_000 })).toEqual([30_000, 30_000, 30_000]);
    expect(Math.max(...delays({ retryAfterMs: 3_600_000, turnedAway: true }))).toBeLessThan(limits.lease.leaseMs);
  });

  it('C14 leaves a saga time: a host is back well before it counts as lost', () => {
    expect(limits.control.idleReturnMsMax).toBeLessThan(limits.control.agentReturnMsMax / 2);
  });
});
