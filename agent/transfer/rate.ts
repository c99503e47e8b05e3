/** Bytes per second over the latest window that is over. */
export interface Rate {
  add(bytes: number): void;
  /** Null until one window is over. */
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
