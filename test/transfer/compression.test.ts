import { describe, expect, it } from 'vitest';
import { createCompressionPolicy, type Pressure } from '../../agent/transfer/compression.ts';
import { createLeast, createRate } from '../../agent/transfer/rate.ts';

const mib = 1_048_576;
const slow: Pressure = { unacknowledged: 1, unpackerBehind: false, waiting: 0, bytesPerS: 10 * mib };
const levelsOf = (pressures: Pressure[]) => {
  const policy = createCompressionPolicy();
  return pressures.map((pressure) => {
    const level = policy.levelFor(pressure);
    policy.gained(level, mib, mib / (level + 3));
    return level;
  });
};

describe('how hard chunks are compressed', () => {
  it('begins low while nothing is known of the way', () => {
    expect(levelsOf(Array(5).fill({ ...slow, bytesPerS: null }))).toEqual([1, 1, 1, 1, 1]);
  });

  it('rises while acknowledgements are waited for, up to its end', () => {
    expect(levelsOf(Array(5).fill(slow))).toEqual([3, 3, 3, 3, 3]);
  });

  it('falls while chunks queue to be compressed, and where the window does not fill', () => {
    const queueing = { ...slow, unacknowledged: 0.2, waiting: 2 };
    expect(levelsOf([slow, queueing, queueing, { ...slow, unacknowledged: 0.2 }])).toEqual([3, 1, 0, 0]);
  });

  it('falls while it is the unpacker that is waited for, and not the network', () => {
    expect(levelsOf([slow, { ...slow, unpackerBehind: true }, { ...slow, unpackerBehind: true }])).toEqual([3, 1, 0]);
    expect(levelsOf([{ ...slow, unpackerBehind: true, bytesPerS: null }])).toEqual([0]);
  });

  it('stays where it is while both the network and compressing are waited for', () => {
    expect(levelsOf([slow, { ...slow, waiting: 2 }])).toEqual([3, 3]);
  });

  it('is none where so much passes that it would only take time', () => {
    expect(levelsOf([slow, slow, { ...slow, bytesPerS: 300 * mib }])).toEqual([3, 3, 0]);
  });

  it('stays low where more effort makes no less of it, until the data is of another kind', () => {
    const policy = createCompressionPolicy();
    const tell = (shrunk: Record<number, number>) => {
      const level = policy.levelFor(slow);
      policy.gained(level, mib, mib * shrunk[level]!);
      return level;
    };
    const [rows, text] = [
      { 1: 0.1, 3: 0.12 },
      { 1: 0.4, 3: 0.3 },
    ];
    policy.gained(1, mib, mib * 0.1);
    expect([tell(rows), tell(rows), tell(rows)]).toEqual([3, 1, 1]);
    expect([tell(text), tell(text), tell(text)]).toEqual([1, 3, 3]);
    expect([tell(rows), tell(rows), tell(rows)]).toEqual([3, 3, 3]);
  });

  it('leaves data alone that does not shrink, for longer and longer', () => {
    const policy = createCompressionPolicy();
    const tried: number[] = [];
    for (let chunk = 0; chunk < 300; chunk++) {
      const level = policy.levelFor(slow);
      if (level > 0) {
        tried.push(chunk);
        expect(policy.gained(level, mib, mib)).toBe(false);
      }
    }
    expect(tried).toEqual([0, 9, 26, 59, 124, 253]);
  });
});

describe('the rate of a transfer', () => {
  it('is that of the latest window that is over', () => {
    let now = 0;
    const rate = createRate(500, () => now);
    rate.add(100);
    expect(rate.bytesPerS()).toBeNull();
    now = 500;
    rate.add(400);
    expect(rate.bytesPerS()).toBe(1_000);
    now = 600;
    rate.add(5_000);
    expect(rate.bytesPerS()).toBe(1_000);
    now = 1_500;
    rate.add(0);
    expect(rate.bytesPerS()).toBe(5_000);
  });
});

it('the least of what was seen is that of the latest window that is over', () => {
  let now = 0;
  const least = createLeast(500, () => now);
  const see = (at: number, value: number) => {
    now = at;
    least.see(value);
    return least.value();
  };
  expect([see(0, 8), see(400, 7), see(500, 8)]).toEqual([0, 0, 7]);
  // One moment without is enough.
  expect([see(700, 0), see(1_000, 8), see(1_500, 8)]).toEqual([7, 0, 8]);
});
