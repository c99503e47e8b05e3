/** Of Node's timers: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

export interface Expiry {
  cancel(): void;
}

/** Acts at a time by this clock, however far ahead. Keeps no process alive. */
export function actAt(time: number, act: () => void, now: () => number = Date.now): Expiry {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const left = time - now();
    timer = setTimeout(() => (left > longestTimerMs ? wait() : act()), Math.min(Math.max(0, left), longestTimerMs));
    timer.unref();
  };
  wait();
  return { cancel: () => clearTimeout(timer) };
}
