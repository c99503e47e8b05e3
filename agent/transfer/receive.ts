import type { TLSSocket } from 'node:tls';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Hello } from '../../schema/volume-stream.ts';
import type { StreamBounds } from './frame-connection.ts';
import { type Inbox, openInbox } from './inbox.ts';
import { type Reception, runReceiveSession } from './receive-session.ts';
import { type Connect, keepConnected, patienceMs, type SessionEnd, type TransferEvent } from './reconnect.ts';
import type { ItemProof, TarSink } from './tar-ports.ts';

/**
 * Receives one item from the peer's `sendItem` into an empty place. Resolves once the unpacker exited 0, the
 * filesystem was synced, counts and digest agree, and the source knows it or has had `verifiedWaitMsMax` to ask again.
 * Throws `unpack_failed` or the unpacker's own code, `digest_mismatch`, `transfer_interrupted`, `transfer_protocol`,
 * `cancelled`, or what the source gave up with. The unpacker is gone when this settles.
 */
export async function receiveItem(options: {
  lane: string;
  sink: TarSink;
  /** Dials the peer anew; called for each connection. */
  connect: Connect;
  /** Bytes of the tar that the unpacker was handed. Goes back to 0 when the source packs the item again. */
  onProgress: (bytes: number) => void;
  signal: AbortSignal;
  observe?: (event: TransferEvent) => void;
  bounds?: Partial<StreamBounds>;
}): Promise<ItemProof> {
  const { sink, signal } = options;
  const bounds: StreamBounds = { ...limits.stream, ...options.bounds };
  const observe = options.observe ?? (() => {});
  let listener: (() => void) | null = null;
  let advanced = 0;
  let restarts = 0;
  let stream: string | null = null;
  let proof: ItemProof | null = null;

  const unpack = (): Promise<Inbox> => {
    const opened = openInbox(sink, bounds, () => {
      advanced += 1;
      void opened.then((inbox) => options.onProgress(inbox.unpackedBytes()));
      listener?.();
    });
    opened.catch(() => {});
    return opened;
  };
  // The unpacker starts while the first dial is under way.
  let inbox = unpack();

  /** The source packs anew: it lost what we had, so we begin with an empty place too. */
  const unpackAnew = async (before: Promise<Inbox>): Promise<Inbox> => {
    observe({ kind: 'restarted', why: 'the source packs the item again' });
    await before.then((old) => old.close()).catch(() => {});
    await sink.reset();
    options.onProgress(0);
    return await unpack();
  };

  const receive = async (hello: Hello): Promise<Reception> => {
    if (stream !== null && stream !== hello.stream) {
      restarts += 1;
      if (restarts > bounds.restartsMax)
        throw new StackferryError('transfer_interrupted', 'The source began anew too often');
      proof = null;
      inbox = unpackAnew(inbox);
      inbox.catch(() => {});
    }
    stream = hello.stream;
    if (proof) return { kind: 'verified', proof };
    return { kind: 'inbox', inbox: await inbox.catch((cause: unknown) => Promise.reject(unpackFailure(cause))) };
  };

  const session = (socket: TLSSocket, alive: () => void): Promise<SessionEnd<ItemProof>> =>
    runReceiveSession(socket, {
      lane: options.lane,
      receive,
      bounds,
      signal,
      onAlive: () => proof || alive(),
      onVerified: (verified) => {
        proof = verified;
        alive();
      },
      watch: (called) => {
        listener = called;
      },
    });

  try {
    return await keepConnected({
      connect: options.connect,
      session,
      progress: () => advanced,
      signal,
      bounds,
      withoutProgressMsMax: (spentMs) => (proof ? bounds.verifiedWaitMsMax : patienceMs(spentMs, bounds)),
      observe,
    });
  } catch (error) {
    // The proof stands, whether or not the source came back to hear it.
    if (proof && !signal.aborted) return proof;
    throw (await inbox.then((opened) => opened.failure()).catch(unpackFailure)) ?? error;
  } finally {
    await inbox.then((opened) => opened.close()).catch(() => {});
  }
}

function unpackFailure(cause: unknown): StackferryError {
  if (cause instanceof StackferryError) return cause;
  return new StackferryError('unpack_failed', `Unpacking could not start: ${errorMessageOf(cause)}`, { cause });
}
