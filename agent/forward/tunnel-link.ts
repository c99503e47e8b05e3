import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { backoffMs } from '../../node/backoff.ts';
import { sleep } from '../../node/sleep.ts';
import { errorCodeOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { finalCodes } from '../transfer/reconnect.ts';
import { RelayFault } from '../transfer/relay-admission.ts';

export interface TunnelLink {
  /**
   * Opens one connection to the peer: mutually authenticated between hosts, as `Dialer` gives it; between processes of this
   * host through a socket of its state directory.
   */
  dial: (signal: AbortSignal) => Promise<Socket>;
  /** Called with each interruption; another connection follows. */
  onInterrupted: (error: unknown) => void;
  signal: AbortSignal;
}

/**
 * Keeps one connection to the peer: opens a session on each, dials again when it has ended, with growing delays. Resolves
 * when the signal aborts; throws if a retry would get the same answer (the migration has ended, the host was removed).
 */
export async function keepTunnel(
  { dial, onInterrupted, signal }: TunnelLink,
  open: (socket: Socket) => Http2Session,
): Promise<void> {
  let attempt = 0;
  while (!signal.aborted) {
    try {
      const socket = await dialBounded(dial, signal);
      const openedAt = performance.now();
      await ended(open(socket), signal);
      // A peer that hangs up at once is not dialed without a pause.
      if (performance.now() - openedAt > limits.forward.reconnectDelayMsMax) attempt = 0;
      if (!signal.aborted) onInterrupted(new Error('the connection to the peer has ended'));
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
      onInterrupted(error);
    }
    await sleep(backoffMs(attempt, limits.forward), signal).catch(() => {});
    attempt += 1;
  }
}

/** A dial that takes too long is not one that was called off. */
async function dialBounded<S>(dial: (signal: AbortSignal) => Promise<S>, signal: AbortSignal): Promise<S> {
  const late = AbortSignal.timeout(limits.stream.dialMsMax);
  try {
    return await dial(AbortSignal.any([signal, late]));
  } catch (error) {
    if (late.aborted && !signal.aborted) throw new Error('no connection to the peer in time', { cause: error });
    throw error;
  }
}

/**
 * The control plane gives out no ticket once the migration forwards nothing any more. A relay's refusal says nothing of
 * that: its clock may be off.
 */
function isFinal(error: unknown): boolean {
  if (error instanceof RelayFault) return false;
  const code = errorCodeOf(error);
  return code === 'ticket_refused' || finalCodes.includes(code);
}

/** Resolves when the session has closed; destroys it if the signal aborts, the peer is silent, or on an error. */
function ended(session: Http2Session, signal: AbortSignal): Promise<void> {
  const { pingIntervalMs, silenceMsMax } = limits.forward;
  let heardAt = performance.now();
  const heartbeat = setInterval(() => {
    if (performance.now() - heardAt > silenceMsMax) return session.destroy();
    if (session.closed || session.destroyed) return;
    session.ping((error) => {
      if (!error) heardAt = performance.now();
    });
  }, pingIntervalMs);
  const abort = () => session.destroy();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return new Promise((resolve, reject) => {
    const settled = () => {
      clearInterval(heartbeat);
      signal.removeEventListener('abort', abort);
    };
    session.on('error', (error) => {
      settled();
      reject(error);
    });
    // No new streams: the session ends, so that another one carries them.
    session.on('goaway', () => session.close());
    session.on('close', () => {
      settled();
      resolve();
    });
  });
}

/** Of both ends: at most `splicedMax` streams, and bounded windows. */
export const sessionOptions = {
  settings: {
    enablePush: false,
    initialWindowSize: limits.forward.streamWindowBytes,
    maxConcurrentStreams: limits.forward.splicedMax,
  },
  peerMaxConcurrentStreams: limits.forward.splicedMax,
  maxSessionMemory: limits.forward.tunnelMemoryMbMax,
  maxSessionRejectedStreams: limits.forward.splicedMax,
  // Clients that go away reset their streams: by default a thousand of them, then 33 a second, end the session.
  streamResetBurst: limits.forward.heldMax + limits.forward.splicedMax,
  streamResetRate: limits.forward.resetsPerSMax,
};
