import { describe, expect, it } from 'vitest';
import { type Sample, secondsOfStat, usedAt } from './cpu-meter.ts';

describe('CPU time', () => {
  it('is read past a program that has spaces and parentheses in its name', () => {
    const stat = '7 (a) b) (c) S 1 7 7 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 11 0 900 1000 50';
    expect(secondsOfStat(stat)).toBe(2.5);
  });

  const samples: Sample[] = [
    { atMs: 1000, used: { relay: 1 } },
    { atMs: 1100, used: { relay: 3 } },
  ];

  it('is taken as used evenly between two samples', () => {
    expect(usedAt(samples, 1025)).toEqual({ relay: 1.5 });
    expect(usedAt(samples, 1100)).toEqual({ relay: 3 });
    expect(usedAt(samples, 1000)).toEqual({ relay: 1 });
  });

  it('is not guessed for a time after the last sample', () => {
    expect(() => usedAt(samples, 1101)).toThrow('no sample');
  });
});
