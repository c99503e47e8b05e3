import { randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { StreamBounds } from './frame-connection.ts';
import { openOutbox } from './outbox.ts';
import { type Connect, keepConnected, patienceMs, type SessionEnd, type TransferEvent } from './reconnect.ts';
import { rejection } from './rejection.ts';
import { runSendSession } from './send-session.ts';
import type { ItemProof, TarSource } from './tar-ports.ts';
import { createThrottle, type Pace } from './throttle.ts';

/**
 * Sends one item to the peer's `receiveItem`. Resolves once the target proved that it unpacked and synced the same
 * bytes. Throws `pack_failed`, `transfer_interrupted`, `transfer_protocol`, `digest_mismatch`, `cancelled`, or what the
 * target rejected it with (`unpack_failed`, `disk_full`, …). The packer is gone when this settles.
 */
export async function sendItem(options: {
  lane: string;
  source: TarSource;
  /** Dials the peer anew; called for each connection. */
  connect: Connect;
  /** Bytes of the tar that the target's unpacker was handed. Goes back to 0 when the item is packed again. */
  onProgress: (bytes: number) => void;
  signal: AbortSignal;
  /** Unbounded where it is left out. */
  pace?: Pace;
  observe?: (event: TransferEvent) => void;
  bounds?: Partial<StreamBounds>;
}): Promise<ItemProof> {
  const bounds: StreamBounds = { ...limits.stream, ...options.bounds };
  const observe = options.observe ?? (() => {});
  const packerFailed = new AbortController();
  const signal = AbortSignal.any([options.signal, packerFailed.signal]);
  let listener: (() => void) | null = null;
  let restarts = 0;
  let advanced = 0;

  const pack = () => {
    const outbox = openOutbox(options.source, bounds, () => {
      if (listener) listener();
      else void outbox.then((opened) => opened.failure() && packerFailed.abort(opened.failure()));
    });
    outbox.catch((error) => packerFailed.abort(error));
    return { stream: randomUUID(), outbox };
  };
  // Packing starts while the first dial is under way.
  let packing = pack();

  const session = async (socket: TLSSocket, onAlive: () => void): Promise<SessionEnd<ItemProof>> => {
    const outbox = await packing.outbox.catch((error: unknown) => {
      socket.end(rejection(packFailure(error)));
      throw error;
    });
    const end = await runSendSession(socket, {
      lane: options.lane,
      stream: packing.stream,
      outbox,
      bounds,
      signal,
      onAlive,
      pace: options.pace ?? createThrottle(null),
      onAcknowledged: () => {
        advanced += 1;
        options.onProgress(outbox.acknowledgedBytes());
      },
      watch: (called) => {
        listener = called;
      },
    });
    if (end.kind !== 'restart') return end;
    await outbox.close();
    restarts += 1;
    if (restarts > bounds.restartsMax) {
      throw new StackferryError('transfer_interrupted', 'The target lost the item too often');
    }
    observe({ kind: 'restarted', why: end.why });
    options.onProgress(0);
    packing = pack();
    return { kind: 'interrupted', error: new Error(end.why) };
  };

  try {
    return await keepConnected({
      connect: options.connect,
      session,
      progress: () => advanced,
      signal,
      bounds,
      withoutProgressMsMax: (spentMs) => patienceMs(spentMs, bounds),
      observe,
    });
  } catch (error) {
    if (packerFailed.signal.aborted && !options.signal.aborted) throw packFailure(packerFailed.signal.reason);
    throw error;
  } finally {
    await packing.outbox.then((outbox) => outbox.close()).catch(() => {});
  }
}

function packFailure(cause: unknown): StackferryError {
  if (cause instanceof StackferryError) return cause;
  return new StackferryError('pack_failed', `Packing could not start: ${errorMessageOf(cause)}`, { cause });
}
