import { describe, expect, it } from 'vitest';
import { createThrottle, createThrottles } from '../../node/throttle.ts';
import { byteRate } from '../../schema/byte-rate.ts';
import { limits } from '../../schema/limits.ts';

/** Sends pieces as soon as it may, on a clock of its own; resolves to how many milliseconds that took. */
function timeToSend(
  pieces: number,
  bytes: number,
  limit: number | null,
  changes: { [piece: number]: number | null } = {},
) {
  let ms = 0;
  const throttle = createThrottle(limit, () => ms);
  for (let piece = 0; piece < pieces; piece++) {
    if (piece in changes) throttle.setLimit(changes[piece] ?? null);
    ms += throttle.waitMs();
    throttle.sent(bytes);
  }
  return ms;
}

describe('a bound on bytes per second', () => {
  it('is kept on the whole: all but the last piece is paid for', () => {
    expect(timeToSend(11, 1_000_000, 1_000_000)).toBeCloseTo(10_000, -2);
    expect(timeToSend(1_001, 10_000, 1_000_000)).toBeCloseTo(10_000, -2);
  });

  it('holds nothing back where there is none', () => {
    expect(timeToSend(1_000, 1_000_000, null)).toBe(0);
  });

  it('is changed while it runs: what is owed already is paid at the new rate', () => {
    expect(timeToSend(11, 1_000_000, 1_000_000, { 5: 10_000_000 })).toBeCloseTo(4_000 + 600, -2);
    expect(timeToSend(11, 1_000_000, 1_000_000, { 5: null })).toBeCloseTo(4_000, -2);
  });

  it('saves up no more than a quarter of a second of silence', () => {
    let ms = 0;
    const throttle = createThrottle(1_000_000, () => ms);
    ms = 3_600_000;
    let free = 0;
    while (throttle.waitMs() === 0) {
      throttle.sent(10_000);
      free += 10_000;
    }
    expect(free).toBeLessThanOrEqual(260_000);
  });

  it('counts for the host over all migrations, and for each on its own', () => {
    const throttles = createThrottles(1_000_000_000_000);
    throttles.setLimit('slow', 100_000);
    throttles.of('slow').sent(1_000_000);
    expect(throttles.of('slow').waitMs()).toBeGreaterThan(9_000);
    expect(throttles.of('other').waitMs()).toBe(0);
    throttles.of('other').sent(60_000_000_000_000);
    expect(throttles.of('another').waitMs()).toBeGreaterThan(50_000);
    throttles.setLimit('slow', null);
    // A millisecond may pass between both.
    expect(Math.abs(throttles.of('slow').waitMs() - throttles.of('another').waitMs())).toBeLessThan(50);
  });

  it('forgets the oldest of too many migrations', () => {
    const throttles = createThrottles(null);
    for (let n = 0; n <= limits.stream.throttlesMax; n++) throttles.setLimit(`mig_${n}`, 100_000);
    for (const id of ['mig_0', 'mig_1']) throttles.of(id).sent(1_000_000);
    expect(throttles.of('mig_0').waitMs()).toBe(0);
    expect(throttles.of('mig_1').waitMs()).toBeGreaterThan(0);
  });

  it.each([
    ['100000', 100_000],
    ['500K', 500_000],
    ['1.5m', 1_500_000],
    ['2G', 2_000_000_000],
    ['20MB', 20_000_000],
    ['500kb', 500_000],
  ])('is written %s', (text, bytes) => expect(byteRate.parse(text)).toBe(bytes));

  it.each(['', '0', '1', '-5M', '20 MB', '20MiB', '5B', 'fast', '9999999999999'])('is not written %j', (text) =>
    expect(byteRate.safeParse(text).success).toBe(false),
  );
});
