/**
 * Resolves at SIGINT or SIGTERM. Keeps listening afterwards: a library that finds itself the last listener of a signal
 * (others used `once`) ends the process before it has shut down in order.
 */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
}
