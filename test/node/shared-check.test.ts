import { expect, test } from 'vitest';
import { sharedCheck } from '../../node/shared-check.ts';

test('a shared check runs once per period, again after a failure, and again once the period is over', async () => {
  let now = 0;
  let runs = 0;
  const check = sharedCheck(
    async () => {
      runs += 1;
      if (runs === 1) throw new Error('first');
      return runs;
    },
    100,
    () => now,
  );
  const both = await Promise.allSettled([check(), check()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect([await check(), await check()]).toEqual([2, 2]);
  now = 100;
  expect(await check()).toBe(3);
});
