import { expect, test } from 'vitest';
import { createLoadMeter } from '../../relay/load.ts';

test('a relay says how many pairs it carries, and what it received in a second since it said so last', () => {
  let status: { sessions: number; bytes_total: number } | null = null;
  let now = 1_000;
  const load = createLoadMeter(
    () => status,
    () => now,
  );
  expect(load()).toEqual({ sessions: 0, bytes_per_s: 0 });
  status = { sessions: 3, bytes_total: 50_000_000 };
  now += 10_000;
  expect(load()).toEqual({ sessions: 3, bytes_per_s: 5_000_000 });
  now += 10_000;
  expect(load()).toEqual({ sessions: 3, bytes_per_s: 0 });
});
