/** Of Node's timers: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

/** A timer that keeps no process alive. More than 24 days count as 24: what it ends can be begun again. */
export const sleepingAt = (ms: number, act: () => void): NodeJS.Timeout =>
  setTimeout(act, Math.min(Math.max(0, ms), longestTimerMs)).unref();
