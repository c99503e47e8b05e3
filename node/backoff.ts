/** Full jitter, so that a fleet cut off by one deployment does not reconnect all at once. */
export function backoffMs(
  attempt: number,
  bounds: { reconnectDelayMsMin: number; reconnectDelayMsMax: number },
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(bounds.reconnectDelayMsMax, bounds.reconnectDelayMsMin * 2 ** Math.min(attempt, 20));
  return bounds.reconnectDelayMsMin + random() * (ceiling - bounds.reconnectDelayMsMin);
}
