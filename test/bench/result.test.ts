import { describe, expect, it } from 'vitest';
import { compare, growthOf, markdownTables, measure, type Result } from './result.ts';

const result = (more: Partial<Result>): Result => ({ name: 'x', machine: 'm', peers: [], memory_mb: {}, ...more });

describe('figures of a benchmark', () => {
  it('compares pair by pair, and above 1 we are the faster', () => {
    const { ratio } = compare('tar', [1, 2, 4], [2, 2, 2], 1.5);
    expect(ratio).toEqual({ median: 1, min: 0.5, max: 2 });
  });

  it('takes the mean of the middle two of an even number of rounds', () => {
    expect(measure('cpu', 's', [4, 1, 3, 2]).value).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  it('shows growth from any size to any greater one', () => {
    expect(growthOf([2, 3, 1])).toBe(1.5);
    expect(growthOf([4, 2, 3])).toBe(1.5);
    expect(growthOf([4, 2, 1])).toBe(0.5);
  });

  it('calls a ratio missed below its goal, and a measure missed above it', () => {
    const lines = markdownTables([
      result({
        peers: [compare('fast | peer', [2], [1], 1), compare('slow', [1], [2], 1)],
        measures: [
          measure('all', 's per GiB', [3.1], 3),
          measure('few', 's per GiB', [2.9], 3),
          measure('part', 's', [1]),
        ],
      }),
    ]).split('\n');
    expect(lines).toContain('| `x` | fast \\| peer | 2.00 | 1.00 | 0.50 | 0.50 to 0.50 | ≥ 1 | **missed** |');
    expect(lines).toContain('| `x` | slow | 1.00 | 2.00 | 2.00 | 2.00 to 2.00 | ≥ 1 | met |');
    expect(lines).toContain('| `x` | all | 3.10 s per GiB | 3.10 to 3.10 | ≤ 3 | **missed** |');
    expect(lines).toContain('| `x` | few | 2.90 s per GiB | 2.90 to 2.90 | ≤ 3 | met |');
    expect(lines).toContain('| `x` | part | 1.00 s | 1.00 to 1.00 |  |  |');
  });

  it('holds the worst round against a goal for each, and prints counts as they are', () => {
    const lines = markdownTables([
      result({ measures: [measure('failed', '', [0, 0, 1], 0, 'worst'), measure('wait', 's', [1, 1, 2], 2, 'worst')] }),
    ]).split('\n');
    expect(lines).toContain('| `x` | failed | 0 | 0 to 1 | ≤ 0 in each | **missed** |');
    expect(lines).toContain('| `x` | wait | 1.00 s | 1.00 to 2.00 | ≤ 2 in each | met |');
  });

  it('leaves out tables that have no rows', () => {
    expect(markdownTables([result({ measures: [measure('all', '×', [1], 1.1)] })])).not.toContain('peer');
  });
});
