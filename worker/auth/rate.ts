/**
 * A bucket that fills evenly, `perMinute` at a time, and holds a minute's worth (GCRA: one number, when the bucket will
 * be full again, instead of a count and its age).
 */
const minuteMs = 60_000;

export interface Taken {
  ok: boolean;
  /** To keep and to give back next time. */
  fullAt: number;
  /** Requests that are left right now. */
  remaining: number;
  /** Until one more fits; 0 where it does. */
  waitMs: number;
}

/** Takes one request out of the bucket that is full at `fullAt` (0 for a new one). Refused ones take nothing. */
export function take(fullAt: number, now: number, perMinute: number): Taken {
  const oneMs = minuteMs / perMinute;
  const after = Math.max(fullAt, now) + oneMs;
  const room = minuteMs - (after - now);
  // A microsecond of grace: sums of fractions do not end even.
  if (room < -0.001) return { ok: false, fullAt, remaining: 0, waitMs: -room };
  const remaining = Math.floor((room + 0.001) / oneMs);
  return { ok: true, fullAt: after, remaining, waitMs: remaining > 0 ? 0 : oneMs - room };
}

/** Buckets by key in the memory of one isolate or object; the longest untouched goes first. */
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

  /** Whether the next one would be refused; takes nothing. */
  empty(key: string, now: number, perMinute: number): boolean {
    return !take(this.#fullAt.get(key) ?? 0, now, perMinute).ok;
  }
}
