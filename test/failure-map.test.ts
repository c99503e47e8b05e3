import { describe, expect, it } from 'vitest';
import { failureMap } from './support/failure-map.ts';

describe('docs/failures.md', () => {
  it('has every failure and bad input by number, each shown by a test', async () => {
    const { before, missing } = await failureMap();
    const numbers = [...before.matchAll(/^\| ([FB])(\d+) \|/gm)].map(([, letter, number]) => `${letter}${number}`);
    const wanted = (letter: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    expect(numbers.toSorted()).toEqual([...wanted('F', 47), ...wanted('B', 41)].toSorted());
    expect(missing).toEqual([]);
  });

  it('names the test files that show them: `npm run failures` brings it up to date', async () => {
    const { before, after } = await failureMap();
    expect(before).toBe(after);
  });
});
