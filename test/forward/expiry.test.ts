import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { actAt } from '../../agent/forward/expiry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const dayMs = 24 * 3_600_000;

it('acts at its time, also after more days than a timer of Node can wait', () => {
  const act = vi.fn();
  actAt(Date.now() + 60 * dayMs, act);
  vi.advanceTimersByTime(59 * dayMs);
  expect(act).not.toHaveBeenCalled();
  vi.advanceTimersByTime(dayMs);
  expect(act).toHaveBeenCalledOnce();
});

it('acts at once where its time has passed, and not at all once it is cancelled', () => {
  const [late, none] = [vi.fn(), vi.fn()];
  actAt(Date.now() - 1, late);
  const expiry = actAt(Date.now() + 60 * dayMs, none);
  vi.advanceTimersByTime(30 * dayMs);
  expiry.cancel();
  vi.advanceTimersByTime(60 * dayMs);
  expect([late.mock.calls.length, none.mock.calls.length]).toEqual([1, 0]);
});
