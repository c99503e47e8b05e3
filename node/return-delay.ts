import { backoffMs } from './backoff.ts';

export interface ReturnBounds {
  reconnectDelayMsMin: number;
  reconnectDelayMsMax: number;
  refusedDelayMsMin: number;
  refusedDelayMsMax: number;
  idleReturnMsMin: number;
  idleReturnMsMax: number;
}

/** How a connection, or the attempt at one, ended. */
export interface Ending {
  /** Counts from the last welcome, or from the start. */
  attempt: number;
  turnedAway: boolean;
  /** It had stood for long and nothing waits for this node: probably a deploy cut the whole fleet at once. */
  herd: boolean;
  /** As the control plane asked; 0 if it did not. */
  retryAfterMs: number;
}

/**
 * Milliseconds until the next attempt. At least what was asked for, and up to half again as long, so that those who were sent
 * away together do not return together; but less than a lease lasts.
 */
export function returnDelayMs(
  { attempt, turnedAway, herd, retryAfterMs }: Ending,
  bounds: ReturnBounds,
  random: () => number = Math.random,
): number {
  const { refusedDelayMsMin, refusedDelayMsMax, idleReturnMsMin, idleReturnMsMax } = bounds;
  const refused = { reconnectDelayMsMin: refusedDelayMsMin, reconnectDelayMsMax: refusedDelayMsMax };
  const idle = { reconnectDelayMsMin: idleReturnMsMin, reconnectDelayMsMax: idleReturnMsMax };
  const own = backoffMs(attempt, turnedAway ? refused : herd ? idle : bounds, random);
  const asked = Math.min(refusedDelayMsMax, retryAfterMs * (1 + random() / 2));
  return Math.max(own, asked);
}
