import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { type ErrorCode, errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { StreamBounds } from './frame-connection.ts';

export type Connect = (signal: AbortSignal) => Promise<TLSSocket>;

/** How one connection of an item ended: with the item's end, or before it. */
export type SessionEnd<T> = { kind: 'done'; value: T } | { kind: 'interrupted'; error: Error };

/** What happens to the connections of an item, for logs. */
export type TransferEvent =
  | { kind: 'connected' }
  | { kind: 'interrupted'; error: Error }
  | { kind: 'restarted'; why: string };

/** Dialing again would be answered the same. */
const finalCodes: ErrorCode[] = [
  'cancelled',
  'host_revoked',
  'migration_ended',
  'epoch_stale',
  'unauthorized',
  'forbidden',
  'foreign_resource',
];

/**
 * Dials, runs one session, and dials again when it was interrupted, until a session is done, throws, or nothing got
 * further for `withoutProgressMsMax` of the time spent so far: then throws `transfer_interrupted` with the last
 * interruption as its cause.
 * While dials fail for want of the control plane (F16) that time is not counted, up to `controlAwayMsMax` of it.
 * A peer that breaks the protocol is dialed again too, `violationsMax` times.
 * `progress` is any number that grows; a session says by `alive()` that the peer lives though no bytes move.
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
  const startedAt = Date.now();
  let progressAt = startedAt;
  let tries = 0;
  let violations = 0;
  let awaySince: number | null = null;
  const alive = () => {
    progressAt = Date.now();
  };
  const msLeft = () => progressAt + options.withoutProgressMsMax(progressAt - startedAt) - Date.now();
  for (;;) {
    let interruption: Error;
    const dialedAt = Date.now();
    try {
      const socket = await dialOnce(options.connect, signal, Math.max(0, Math.min(bounds.dialMsMax, msLeft())));
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
    if (awaySince !== null && Date.now() - awaySince < bounds.controlAwayMsMax) alive();
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

/** Giving up wastes what was carried: the longer that took, the longer an interruption is waited for. */
export function patienceMs(spentMs: number, { reconnectMsMax, patienceMsMax, patiencePart }: StreamBounds): number {
  return Math.max(reconnectMsMax, Math.min(patienceMsMax, spentMs * patiencePart));
}

/** Doubles from min to max, the upper half of each at random, so that many lanes do not return in step. */
function backoffMs(tries: number, bounds: StreamBounds): number {
  const full = Math.min(bounds.reconnectDelayMsMax, bounds.reconnectDelayMsMin * 2 ** Math.min(tries - 1, 16));
  return full * (0.5 + Math.random() / 2);
}

class DialFailure extends Error {}

/** One dial, cut off after `msMax` even where the dialer does not heed its signal. */
async function dialOnce(connect: Connect, signal: AbortSignal, msMax: number): Promise<TLSSocket> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(msMax)]);
  return await new Promise<TLSSocket>((resolve, reject) => {
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
