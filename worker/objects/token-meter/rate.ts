import type { Taken } from '../../rpc.ts';

/**
 * A token bucket that refills at `perMinute` and holds one minute's worth. GCRA: it stores only the time at which the
 * bucket is full.
 */
const minuteMs = 60_000;

/** Takes one request from the bucket that is full at `fullAt` (0 for a new one). A refused request takes nothing. */
export function take(fullAt: number, now: number, perMinute: number): Taken {
  const oneMs = minuteMs / perMinute;
  const after = Math.max(fullAt, now) + oneMs;
  const room = minuteMs - (after - now);
  // A microsecond of tolerance for rounding of fractions.
  if (room < -0.001) return { ok: false, fullAt, remaining: 0, waitMs: -room };
  const remaining = Math.floor((room + 0.001) / oneMs);
  return { ok: true, fullAt: after, remaining, waitMs: remaining > 0 ? 0 : oneMs - room };
}

/** Buckets by key in the memory of one isolate or object; evicts the least recently used. */
export class Buckets {
  readonly #fullAt = new Map<string, number>();
  readonly #keysMax: number;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  take(key: string, now: number, perMinute: number): Taken {
    const taken = take(this.#fullAt.get(key) ?? 0, now, perMinute);
    this.#fullAt.delete(key);
    this.#fullAt.set(key, taken.fullAt);
    const oldest = this.#fullAt.keys().next().value;
    if (this.#fullAt.size > this.#keysMax && oldest !== undefined) this.#fullAt.delete(oldest);
    return taken;
  }

  /** True if the next request would be refused; takes nothing. */
  empty(key: string, now: number, perMinute: number): boolean {
    return !take(this.#fullAt.get(key) ?? 0, now, perMinute).ok;
  }
}
