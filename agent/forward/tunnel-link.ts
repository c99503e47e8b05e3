import type { Socket } from 'node:net';
import { backoffMs } from '../../node/backoff.ts';
import { sleep } from '../../node/sleep.ts';
import { errorCodeOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { DialFailure, dialOnce, finalCodes } from '../transfer/reconnect.ts';
import { RelayFault, RelayRefusal } from '../transfer/relay-admission.ts';
import { OtherTunnelVersion } from './lasting-frames.ts';

export interface TunnelLink {
  /**
   * Opens one connection to the peer: mutually authenticated between hosts, as `Dialer` gives it; between processes of this
   * host through a socket of its state directory.
   */
  dial: (signal: AbortSignal) => Promise<Socket>;
  /** Called with each interruption; another connection follows. With a peer of another version only once, until it is upgraded. */
  onInterrupted: (error: unknown) => void;
  signal: AbortSignal;
}

/**
 * Keeps one connection to the peer: hands each to `carry`, and dials again when it has ended. Resolves when the signal
 * aborts; throws if a retry would get the same answer (the migration has ended, the host was removed).
 */
export async function keepTunnel(
  { dial, onInterrupted, signal }: TunnelLink,
  carry: (connection: Socket) => Promise<void>,
): Promise<void> {
  const { reconnectDelayMsMax, reconnectDelayMsMin, redialDelayMsMax, holdMsMax } = limits.forward;
  let attempt = 0;
  let brokenAt = performance.now();
  let toldVersion: number | null = null;
  while (!signal.aborted) {
    let openedAt: number | null = null;
    try {
      const connection = await dialOnce(dial, signal, limits.stream.dialMsMax);
      openedAt = performance.now();
      await carry(connection);
      if (!signal.aborted) onInterrupted(new Error('the connection to the peer has ended'));
    } catch (thrown) {
      if (signal.aborted) return;
      const error = thrown instanceof DialFailure ? thrown.cause : thrown;
      if (isFinal(error)) throw error;
      const version = error instanceof OtherTunnelVersion ? error.version : null;
      if (version === null || version !== toldVersion) onInterrupted(error);
      toldVersion = version ?? toldVersion;
    }
    const now = performance.now();
    // However it ended. A peer that hangs up at once is not dialed without a pause.
    if (openedAt !== null && now - openedAt > reconnectDelayMsMax) {
      attempt = 0;
      brokenAt = now;
      toldVersion = null;
    }
    // Both ends dial, and clients of the moment of the break may still be waiting.
    const mayWait = now - brokenAt < holdMsMax;
    const bounds = { reconnectDelayMsMin, reconnectDelayMsMax: mayWait ? redialDelayMsMax : reconnectDelayMsMax };
    await sleep(backoffMs(attempt, bounds), signal).catch(() => {});
    attempt += 1;
  }
}

/**
 * The control plane gives out no ticket once the migration forwards nothing any more. A relay's refusal says nothing of
 * that: its clock may be off, or it may not know the fleet's keys yet.
 */
function isFinal(error: unknown): boolean {
  if (error instanceof RelayFault || error instanceof RelayRefusal) return false;
  const code = errorCodeOf(error);
  return code === 'ticket_refused' || finalCodes.includes(code);
}

/** Connections, and clients of UDP. */
const streamsMax = limits.forward.splicedMax + limits.forward.flowsMax;

/** Of both ends: bounded streams, and bounded windows. */
export const sessionOptions = {
  settings: {
    enablePush: false,
    initialWindowSize: limits.forward.streamWindowBytes,
    maxConcurrentStreams: streamsMax,
  },
  peerMaxConcurrentStreams: streamsMax,
  maxSessionMemory: limits.forward.tunnelMemoryMbMax,
  maxSessionRejectedStreams: streamsMax,
  // Clients that go away reset their streams: by default a thousand of them, then 33 a second, end the session.
  streamResetBurst: limits.forward.heldMax + streamsMax,
  streamResetRate: limits.forward.resetsPerSMax,
};
