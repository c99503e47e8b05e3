import { describe, expect, it } from 'vitest';
import { failureMap } from './support/failure-map.ts';

describe('docs/failures.md', () => {
  it('has every failure, bad input and fault by number, each shown by a test', async () => {
    const { before, missing } = await failureMap();
    const numbers = [...before.matchAll(/^\| ([FBCPR])(\d+) \|/gm)].map(([, letter, number]) => `${letter}${number}`);
    const wanted = (letter: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    const all = [wanted('F', 47), wanted('B', 41), wanted('C', 22), wanted('P', 24), wanted('R', 38)];
    expect(numbers.toSorted()).toEqual(all.flat().toSorted());
    expect(missing).toEqual([]);
  });

  it('names the test files that show them: `npm run failures` brings it up to date', async () => {
    const { before, after } = await failureMap();
    expect(before).toBe(after);
  });
});
