import type { TLSSocket } from 'node:tls';
import { StackferryError } from '../../schema/errors.ts';
import {
  end as endMessage,
  type Hello,
  hello as helloMessage,
  rejected,
  volumeStreamVersion,
} from '../../schema/volume-stream.ts';
import { type ChunkFrame, decodeControl, encodeAck, encodeControl, type Frame, violation } from './frame-codec.ts';
import { type FrameConnection, openFrameConnection, type StreamBounds } from './frame-connection.ts';
import type { Inbox } from './inbox.ts';
import type { SessionEnd } from './reconnect.ts';
import { rejection } from './rejection.ts';
import type { ItemProof } from './tar-ports.ts';

/** What a session is to answer HELLO with: go on unpacking, or the proof of an item that is done. */
export type Reception = { kind: 'inbox'; inbox: Inbox } | { kind: 'verified'; proof: ItemProof };

/**
 * One connection of an item, the target's side: WELCOME, chunks in order, END, VERIFIED, until DONE. Throws where the
 * item is over for good: the unpacker failed, the source gave up, digests differ, or it was cancelled.
 */
export function runReceiveSession(
  socket: TLSSocket,
  options: {
    lane: string;
    /** Finds, or makes anew, what unpacks this stream. */
    receive: (hello: Hello) => Promise<Reception>;
    bounds: StreamBounds;
    signal: AbortSignal;
    onAlive: () => void;
    onVerified: (proof: ItemProof) => void;
    /** Sets who is called when the inbox has changed. */
    watch: (listener: (() => void) | null) => void;
  },
): Promise<SessionEnd<ItemProof>> {
  const { bounds, signal } = options;
  return new Promise((resolve, reject) => {
    let greeted = false;
    let inbox: Inbox | null = null;
    let proof: ItemProof | null = null;
    let ended = false;
    let acknowledged = 0;
    let over = false;
    let doneTimer: NodeJS.Timeout | undefined;

    const finish = (settle: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(helloTimer);
      clearTimeout(doneTimer);
      signal.removeEventListener('abort', cancel);
      options.watch(null);
      settle();
    };
    /** Ends the item: the peer is told, then the caller. */
    const giveUp = (error: unknown) => {
      if (!over) void connection.farewell(rejection(error)).then(() => finish(() => reject(error)));
    };
    const cancel = () => giveUp(new StackferryError('cancelled', 'The target cancelled the transfer'));

    const changed = () => {
      const failure = inbox?.failure();
      if (failure) return giveUp(failure);
      if (!inbox) return;
      const damage = inbox.damage();
      if (damage) return connection.fail(damage);
      connection.slotFreed();
      if (inbox.unpackedChunks() === acknowledged) return;
      acknowledged = inbox.unpackedChunks();
      connection.send(encodeAck(acknowledged, inbox.waitingChunks()));
    };

    const awaitDone = () => {
      doneTimer = setTimeout(() => connection.fail(new Error('no DONE in time')), bounds.verifiedWaitMsMax);
    };

    const sayVerified = (verified: ItemProof) => {
      proof = verified;
      options.onVerified(verified);
      connection.send(encodeControl('verified', verified));
      awaitDone();
    };

    const onHello = async (hello: Hello) => {
      const reception = await options.receive(hello);
      if (over) return;
      if (reception.kind === 'verified') proof = reception.proof;
      else inbox = reception.inbox;
      const next = inbox?.resume() ?? 0;
      connection.send(encodeControl('welcome', { version: volumeStreamVersion, next, verified: proof }));
      if (proof) awaitDone();
      else changed();
    };

    const onChunk = (chunk: ChunkFrame) => {
      const { pool, next } = inbox!;
      if (!ended && chunk.sequence === next()) return inbox!.accept(chunk);
      pool.free(chunk.slot);
      // A repeated chunk is dropped; anything else is asked for again by dialing anew.
      if (ended || chunk.sequence > next()) throw violation(`chunk ${chunk.sequence} out of turn`);
    };

    const onControl = (frame: Exclude<Frame, { name: 'chunk' }>) => {
      if (frame.name === 'alive') return options.onAlive();
      if (frame.name === 'rejected') {
        const { code, message } = decodeControl(rejected, frame.payload);
        finish(() => reject(new StackferryError(code, `The source gave up: ${message}`)));
        socket.destroy();
      } else if (frame.name === 'hello') {
        if (greeted) throw violation('HELLO twice');
        greeted = true;
        clearTimeout(helloTimer);
        const hello = decodeControl(helloMessage, frame.payload);
        if (hello.lane !== options.lane) throw violation(`HELLO for the item ${hello.lane}`);
        onHello(hello).catch(giveUp);
      } else if (frame.name === 'end') {
        if (!inbox || ended) throw violation('END out of turn');
        const end = decodeControl(endMessage, frame.payload);
        if (end.chunks !== inbox.next()) throw violation(`END after ${end.chunks} chunks, ${inbox.next()} have come`);
        ended = true;
        inbox.finish(end).then(sayVerified, giveUp);
      } else if (frame.name === 'done') {
        if (!proof) throw violation('DONE before VERIFIED');
        const value = proof;
        finish(() => resolve({ kind: 'done', value }));
        socket.end();
        socket.setTimeout(bounds.farewellMsMax, () => socket.destroy());
      } else throw violation(`${frame.name} from the source`);
    };

    const connection: FrameConnection = openFrameConnection(socket, {
      bounds,
      takeSlot: () => {
        if (!inbox) throw violation('a chunk before WELCOME');
        return inbox.pool.take();
      },
      freeSlot: (slot) => inbox?.pool.free(slot),
      onFrame: (frame) => (frame.name === 'chunk' ? onChunk(frame.chunk) : onControl(frame)),
      onWritable: () => {},
      onClosed: (error) => finish(() => resolve({ kind: 'interrupted', error })),
    });
    const helloTimer = setTimeout(() => connection.fail(new Error('no HELLO in time')), bounds.helloMsMax);
    signal.addEventListener('abort', cancel);
    if (signal.aborted) return cancel();
    options.watch(changed);
  });
}
