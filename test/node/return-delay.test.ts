import { describe, expect, it } from 'vitest';
import { returnDelayMs } from '../../node/return-delay.ts';
import { limits } from '../../schema/limits.ts';
import { returnSpreadMs } from '../../worker/saga/return-spread.ts';
import { peakPerSecond } from '../bench/fleet/meter.ts';
import { Random } from '../sim/random.ts';

const ending = {
  ...{ attempt: 1, turnedAway: false, herd: false, spreadMs: null as number | null },
  ...{ sinceCutMs: 0, retryAfterMs: 0 },
};
const delays = (more: Partial<typeof ending>) =>
  [0, 0.5, 1].map((at) => returnDelayMs({ ...ending, ...more }, limits.control, () => at));
const { returnSpreadMsMax, idleReturnMsMin, agentReturnMsMax } = limits.control;

describe('how long a host waits before it connects again', () => {
  it('C14 is spread over 5 to 10 s where a deploy cut all of an idle fleet, and short elsewhere', () => {
    expect(delays({ herd: true })).toEqual([5_000, 7_500, 10_000]);
    expect(delays({})).toEqual([250, 375, 500]);
  });

  it('C14 is spread over as long as the control plane said, in a large fleet', () => {
    expect(delays({ herd: true, spreadMs: 20_000 })).toEqual([5_000, 15_000, 25_000]);
    expect(delays({ herd: true, spreadMs: 5_000 })).toEqual(delays({ herd: true }));
    expect(delays({ herd: true, spreadMs: 3_600_000 })).toEqual(delays({ herd: true, spreadMs: returnSpreadMsMax }));
  });

  it('C14 stays spread for those of a large fleet whose first attempt was too early', () => {
    expect(delays({ herd: true, attempt: 2, spreadMs: 20_000 })).toEqual([250, 8_125, 16_000]);
    expect(delays({ herd: true, attempt: 2, spreadMs: 5_000 })).toEqual(delays({ attempt: 2 }));
    expect(delays({ herd: true, attempt: 2 })).toEqual(delays({ attempt: 2 }));
  });

  it('C14 and only over what is left of its time', () => {
    expect(delays({ herd: true, attempt: 2, spreadMs: 20_000, sinceCutMs: 20_000 })).toEqual([250, 3_125, 6_000]);
    expect(delays({ herd: true, attempt: 2, spreadMs: 20_000, sinceCutMs: 40_000 })).toEqual(delays({ attempt: 2 }));
  });

  it('C14 is short for a host that moves a stack, however large its fleet', () => {
    for (const attempt of [1, 2, 5]) expect(delays({ attempt, spreadMs: 50_000 })).toEqual(delays({ attempt }));
  });

  it('C14 is at least what the control plane asks for, jittered, and ends before a lease does', () => {
    expect(delays({ retryAfterMs: 5_000 })).toEqual([5_000, 6_250, 7_500]);
    expect(delays({ retryAfterMs: 3_600_000 })).toEqual([30_000, 30_000, 30_000]);
    expect(Math.max(...delays({ retryAfterMs: 3_600_000, turnedAway: true }))).toBeLessThan(limits.lease.leaseMs);
  });

  it('C14 leaves a saga and a patient pre-flight time: a host is back before they give it up', () => {
    for (const patience of [agentReturnMsMax, limits.drain.silenceMsMax])
      expect(idleReturnMsMin + returnSpreadMsMax).toBeLessThan(patience);
  });
});

/** When each host connects, in milliseconds since the cut of all; none can before `upMs`. */
function returns(hosts: number, upMs: number, seed: number): number[] {
  const random = new Random(seed);
  const spreadMs = returnSpreadMs(hosts);
  return Array.from({ length: hosts }, () => {
    for (let at = 0, attempt = 1; ; attempt++) {
      at += returnDelayMs({ ...ending, herd: true, spreadMs, attempt, sinceCutMs: at }, limits.control, () =>
        random.next(),
      );
      if (at >= upMs) return at;
    }
  });
}

describe('C14 a fleet that a restart of the control plane cut', () => {
  it('C14 is told to spread by its size, within bounds', () => {
    expect([0, 1, 200, 1_000, 2_000, 3_000, 100_000].map(returnSpreadMs)).toEqual([
      ...[5_000, 5_000, 5_000, 25_000, 50_000],
      ...[returnSpreadMsMax, returnSpreadMsMax],
    ]);
  });

  it.each([
    [100, 80],
    [1_000, 80],
    [2_000, 80],
    [3_000, 100],
  ])('C14 of %i hosts is back within a minute, with at most %i connects in any second', (hosts, connectsMax) => {
    // The restart takes up to 8 s, and those who come before its end try again.
    const runs = Array.from({ length: 20 }, (_, seed) => returns(hosts, 4_000 + 200 * (seed + 1), seed));
    expect(Math.max(...runs.map(peakPerSecond))).toBeLessThanOrEqual(connectsMax);
    expect(Math.max(...runs.flat())).toBeLessThanOrEqual(60_000);
  });

  it('C14 of 1,000 hosts that spread as a small one would have 200 connects in a second', () => {
    const random = new Random(1);
    const together = Array.from({ length: 1_000 }, () =>
      returnDelayMs({ ...ending, herd: true }, limits.control, () => random.next()),
    );
    expect(peakPerSecond(together)).toBeGreaterThan(200);
  });
});
