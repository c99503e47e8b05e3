import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { type ErrorCode, errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { StreamBounds } from './frame-connection.ts';

/** Dials the peer for an item's main connection, 0, or a stripe of it. */
export type Connect = (signal: AbortSignal, stripe?: number) => Promise<TLSSocket>;

/** A lane, and the host at its other end. */
export interface LanePeer {
  migrationId: string;
  peer: string;
  lane: string;
}

/**
 * Opens one mutually authenticated, end-to-end connection for a lane, or a stripe of it, each time it is called. `early`:
 * the lane has not begun, so the peer may not be there.
 */
export type Dialer = (role: 'source' | 'target', lane: LanePeer & { early?: boolean }) => Connect;

/** A connection ends with the item's end, or before it. */
export type SessionEnd<T> = { kind: 'done'; value: T } | { kind: 'interrupted'; error: Error };

export type TransferEvent =
  | { kind: 'connected' }
  | { kind: 'interrupted'; error: Error }
  /** A stripe, not the main connection. */
  | { kind: 'stripe_broke'; error: Error }
  | { kind: 'restarted'; why: string };

/** A retry would get the same answer. */
export const finalCodes: ErrorCode[] = [
  'cancelled',
  'host_revoked',
  'migration_ended',
  'epoch_stale',
  'unauthorized',
  'forbidden',
  'foreign_resource',
];

/**
 * Dials and runs sessions until one is done or throws, and redials after an interruption. Throws
 * `transfer_interrupted`, with the last interruption as its cause, once nothing has progressed for
 * `withoutProgressMsMax`, which depends on the time spent so far. Time in which dials fail because the control plane is
 * unavailable (F16) does not count, up to `controlAwayMsMax`. A peer that breaks the protocol is redialed too,
 * `violationsMax` times. `progress` is any number that grows; a session calls `alive()` when the peer lives though no
 * bytes move.
 */
export async function keepConnected<T>(options: {
  connect: Connect;
  session: (socket: TLSSocket, alive: () => void) => Promise<SessionEnd<T>>;
  progress: () => number;
  signal: AbortSignal;
  bounds: StreamBounds;
  withoutProgressMsMax: (spentMs: number) => number;
  observe: (event: TransferEvent) => void;
}): Promise<T> {
  const { bounds, signal } = options;
  let seen = options.progress();
  const startedAt = performance.now();
  let progressAt = startedAt;
  let tries = 0;
  let violations = 0;
  let awaySince: number | null = null;
  const alive = () => {
    progressAt = performance.now();
  };
  const msLeft = () => progressAt + options.withoutProgressMsMax(progressAt - startedAt) - performance.now();
  for (;;) {
    let interruption: Error;
    const dialedAt = performance.now();
    try {
      const socket = await dialOnce(
        (until) => options.connect(until),
        signal,
        Math.max(0, Math.min(bounds.dialMsMax, msLeft())),
      );
      options.observe({ kind: 'connected' });
      const end = await options.session(socket, alive);
      if (end.kind === 'done') return end.value;
      interruption = end.error;
    } catch (error) {
      if (signal.aborted) throw new StackferryError('cancelled', 'The transfer was cancelled', { cause: error });
      if (!(error instanceof DialFailure)) throw error;
      interruption = error.cause as Error;
      if (finalCodes.includes(errorCodeOf(interruption))) throw interruption;
    }
    options.observe({ kind: 'interrupted', error: interruption });
    if (errorCodeOf(interruption) === 'transfer_protocol') violations += 1;
    if (violations > bounds.violationsMax) throw interruption;
    tries += 1;
    awaySince = errorCodeOf(interruption) === 'control_unavailable' ? (awaySince ?? dialedAt) : null;
    if (awaySince !== null && performance.now() - awaySince < bounds.controlAwayMsMax) alive();
    if (options.progress() !== seen) {
      seen = options.progress();
      alive();
      tries = 0;
    }
    const left = msLeft();
    if (left <= 0) {
      throw new StackferryError(
        'transfer_interrupted',
        `The transfer got no further: ${errorMessageOf(interruption)}`,
        {
          cause: interruption,
        },
      );
    }
    await pause(Math.min(left, tries === 0 ? 0 : backoffMs(tries, bounds)), signal);
  }
}

/** Giving up wastes what was transferred, so the longer that took, the longer an interruption is tolerated. */
export function patienceMs(spentMs: number, { reconnectMsMax, patienceMsMax, patiencePart }: StreamBounds): number {
  return Math.max(reconnectMsMax, Math.min(patienceMsMax, spentMs * patiencePart));
}

/** Doubles from min to max, with the upper half of each random, so that many lanes do not reconnect in step. */
function backoffMs(tries: number, bounds: StreamBounds): number {
  const full = Math.min(bounds.reconnectDelayMsMax, bounds.reconnectDelayMsMin * 2 ** Math.min(tries - 1, 16));
  return full * (0.5 + Math.random() / 2);
}

/** Has the reason as its cause. */
export class DialFailure extends Error {}

/** Dials once, cut off after `msMax` even if the dialer ignores its signal. Throws `DialFailure`. */
export async function dialOnce<S extends Socket>(
  connect: (signal: AbortSignal) => Promise<S>,
  signal: AbortSignal,
  msMax: number,
): Promise<S> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(msMax))]);
  return await new Promise<S>((resolve, reject) => {
    const fail = (cause: unknown) => reject(new DialFailure('no connection', { cause }));
    const abort = () => fail(new StackferryError('relay_unavailable', 'No connection in time'));
    if (deadline.aborted) return abort();
    deadline.addEventListener('abort', abort, { once: true });
    connect(deadline)
      .then((socket) => (deadline.aborted ? socket.destroy() : resolve(socket)), fail)
      .finally(() => deadline.removeEventListener('abort', abort));
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    throw new StackferryError('cancelled', 'The transfer was cancelled', { cause: error });
  }
}
