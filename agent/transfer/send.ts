import { randomBytes, randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { createThrottle, type Pace } from '../../node/throttle.ts';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { chunkKeyBytes } from '../../schema/volume-stream.ts';
import type { StreamBounds } from './frame-connection.ts';
import { type Connect, keepConnected, patienceMs, type SessionEnd, type TransferEvent } from './reconnect.ts';
import { rejection } from './rejection.ts';
import { runSendSession } from './send-session.ts';
import { openSendWindow } from './send-window.ts';
import { createStripeBudget, type StripeBudget } from './stripe-budget.ts';
import type { ItemProof, PassedItem, TarSource } from './tar-ports.ts';

/**
 * Sends one item to the peer's `receiveItem`. Resolves once the target has proven that it unpacked and synced the same
 * bytes, and that is recorded. Throws `pack_failed`, `transfer_interrupted`, `transfer_protocol`, `digest_mismatch`,
 * `cancelled`, or the target's reason for rejecting it (`unpack_failed`, `disk_full`, …). The packer has exited when this settles.
 */
export async function sendItem(options: {
  lane: string;
  /** The stack, for the target to compare. */
  project?: string;
  source: TarSource;
  /** Dials the peer; called for each connection. */
  connect: Connect;
  /** Bytes of the tar that the target has handed to its unpacker. Returns to 0 when the item is packed again. */
  onProgress: (bytes: number) => void;
  record: (passed: PassedItem) => Promise<void>;
  signal: AbortSignal;
  /** Unlimited if omitted. */
  pace?: Pace;
  /** Shared by all items of this agent. */
  stripes?: StripeBudget;
  observe?: (event: TransferEvent) => void;
  bounds?: Partial<StreamBounds>;
  /** A key for the digests of one packing; a random one if omitted. */
  newKey?: () => Buffer;
}): Promise<ItemProof> {
  const bounds: StreamBounds = { ...limits.stream, ...options.bounds };
  const observe = options.observe ?? (() => {});
  const packerFailed = new AbortController();
  const signal = AbortSignal.any([options.signal, packerFailed.signal]);
  let listener: (() => void) | null = null;
  let restarts = 0;
  let advanced = 0;
  let recorded: ItemProof | null = null;

  const stripes = options.stripes ?? createStripeBudget(bounds.stripesMax);
  const newKey = options.newKey ?? (() => randomBytes(chunkKeyBytes));
  const pack = (key: Buffer | null) => {
    const outbox = openSendWindow(options.source, key, bounds, () => {
      if (listener) listener();
      else void outbox.then((opened) => opened.failure() && packerFailed.abort(opened.failure()));
    });
    outbox.catch((error) => packerFailed.abort(error));
    return { stream: randomUUID(), key, outbox };
  };
  // Packing starts during the first dial.
  let packing = pack(newKey());

  const session = async (socket: TLSSocket, onAlive: () => void): Promise<SessionEnd<ItemProof>> => {
    const outbox = await packing.outbox.catch((error: unknown) => {
      socket.end(rejection(packFailure(error)));
      throw error;
    });
    const end = await runSendSession(socket, {
      lane: options.lane,
      project: options.project ?? null,
      stream: packing.stream,
      key: packing.key,
      outbox,
      bounds,
      signal,
      connect: options.connect,
      stripes,
      onAlive,
      pace: options.pace ?? createThrottle(null),
      onAcknowledged: () => {
        advanced += 1;
        options.onProgress(outbox.acknowledgedBytes());
      },
      onVerified: async (proof) => {
        await options.record({ ...proof, unconfirmed_stream: null });
        recorded = proof;
      },
      watch: (called) => {
        listener = called;
      },
    });
    // The target knows by itself what DONE would have told it.
    if (recorded) return { kind: 'done', value: recorded };
    if (end.kind !== 'restart') return end;
    await outbox.close();
    restarts += 1;
    if (restarts > bounds.restartsMax) {
      throw new StackferryError('transfer_interrupted', 'The target lost the item too often');
    }
    observe({ kind: 'restarted', why: end.why });
    options.onProgress(0);
    packing = pack(end.keyed ? newKey() : null);
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
    if (recorded && !options.signal.aborted) return recorded;
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
