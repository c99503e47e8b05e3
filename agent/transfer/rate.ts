/** Bytes per second over the last complete window. */
export interface Rate {
  add(bytes: number): void;
  /** Null until one window is complete. */
  bytesPerS(): number | null;
}

/** `now`: a monotonic clock in milliseconds. */
export function createRate(windowMs: number, now: () => number = () => performance.now()): Rate {
  let beganAt: number | null = null;
  let bytes = 0;
  let latest: number | null = null;
  return {
    add(count) {
      beganAt ??= now();
      bytes += count;
      const ms = now() - beganAt;
      if (ms < windowMs) return;
      latest = (bytes * 1000) / ms;
      beganAt = now();
      bytes = 0;
    },
    bytesPerS: () => latest,
  };
}

/** The minimum seen over the last complete window. */
export interface Least {
  see(value: number): void;
  /** 0 until one window is complete. */
  value(): number;
}

export function createLeast(windowMs: number, now: () => number = () => performance.now()): Least {
  let beganAt: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  let latest = 0;
  return {
    see(value) {
      beganAt ??= now();
      least = Math.min(least, value);
      if (now() - beganAt < windowMs) return;
      latest = least;
      beganAt = now();
      least = value;
    },
    value: () => latest,
  };
}
