import { backoffMs } from './backoff.ts';

export interface ReturnBounds {
  reconnectDelayMsMin: number;
  reconnectDelayMsMax: number;
  refusedDelayMsMin: number;
  refusedDelayMsMax: number;
  idleReturnMsMin: number;
  idleReturnMsMax: number;
  returnSpreadMsMax: number;
}

/** How a connection, or the attempt at one, ended. */
export interface Ending {
  /** Counts from the last welcome, or from the start. */
  attempt: number;
  turnedAway: boolean;
  /** The last connection had stood for long and nothing waited for this node: probably a deploy cut the whole fleet at once. */
  herd: boolean;
  /** Over how long such a fleet is to spread, as the control plane said; null if it did not, then as a small one does. */
  spreadMs: number | null;
  /** Since that connection was cut. */
  sinceCutMs: number;
  /** As the control plane asked; 0 if it did not. */
  retryAfterMs: number;
}

/**
 * Milliseconds until the next attempt. At least what was asked for, and up to half again as long, so that those who were sent
 * away together do not return together; but less than a lease lasts. Of a large fleet that was cut at once, also those whose
 * first attempt came too early stay spread, over what is left of its time.
 */
export function returnDelayMs(
  { attempt, turnedAway, herd, spreadMs, sinceCutMs, retryAfterMs }: Ending,
  bounds: ReturnBounds,
  random: () => number = Math.random,
): number {
  const { refusedDelayMsMin, refusedDelayMsMax, idleReturnMsMin, idleReturnMsMax, returnSpreadMsMax } = bounds;
  const refused = { reconnectDelayMsMin: refusedDelayMsMin, reconnectDelayMsMax: refusedDelayMsMax };
  const idleMs = idleReturnMsMax - idleReturnMsMin;
  const moreMs = herd ? Math.max(0, Math.min(spreadMs ?? 0, returnSpreadMsMax) - idleMs) : 0;
  const leftMs = Math.min(moreMs, Math.max(0, idleReturnMsMax + moreMs - sinceCutMs));
  const own =
    herd && attempt === 1
      ? idleReturnMsMin + random() * (idleMs + moreMs)
      : backoffMs(attempt, turnedAway ? refused : bounds, random) + random() * leftMs;
  const asked = Math.min(refusedDelayMsMax, retryAfterMs * (1 + random() / 2));
  return Math.max(own, asked);
}
