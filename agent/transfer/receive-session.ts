import type { TLSSocket } from 'node:tls';
import { type Hello, type Spread, volumeStreamVersion, type Welcome } from '../../schema/volume-stream.ts';
import { type ChunkFrame, encodeAck, encodeControl, encodeReceived, type Frame, violation } from './frame-codec.ts';
import { type FrameConnection, openFrameConnection, type StreamBounds } from './frame-connection.ts';
import { ReceiveBundle } from './receive-bundle.ts';
import { judgeChunk, onSourceFrame, type ReceiveStep, receiveStart } from './receive-dialogue.ts';
import type { ReceiveWindow } from './receive-window.ts';
import type { Connect, SessionEnd } from './reconnect.ts';
import { SessionEnding } from './session-ending.ts';
import type { StripeBudget } from './stripe-budget.ts';
import type { ItemProof } from './tar-ports.ts';

/** How to answer HELLO: continue unpacking, or return the proof of a finished item. */
export type Reception = { kind: 'inbox'; inbox: ReceiveWindow } | { kind: 'verified'; proof: ItemProof };

interface ReceiveOptions {
  lane: string;
  /** Returns the existing unpacker of this stream, or opens a new one. */
  receive: (hello: Hello) => Promise<Reception>;
  bounds: StreamBounds;
  signal: AbortSignal;
  /** Dials stripes. */
  connect: Connect;
  stripes: StripeBudget;
  onStripeFault: (error: Error) => void;
  onAlive: () => void;
  /** Stores the proof: the source forgets the item with VERIFIED. */
  onVerified: (proof: ItemProof) => Promise<void>;
  /** The proof is on its way to the source. */
  onTold: () => void;
  watch: (listener: (() => void) | null) => void;
}

/**
 * Runs the target's side of one main connection of an item, and of its stripes: WELCOME, chunks, END, VERIFIED, until DONE.
 * Throws if the item has failed for good: the unpacker failed, the source gave up, digests differ, or it was cancelled.
 */
export function runReceiveSession(socket: TLSSocket, options: ReceiveOptions): Promise<SessionEnd<ItemProof>> {
  return new ReceiveSession(socket, options).ending.promise;
}

/** Moves frames between the connections and the window; `onSourceFrame` decides what follows from one. */
class ReceiveSession {
  readonly ending: SessionEnding<SessionEnd<ItemProof>>;
  readonly #options: ReceiveOptions;
  readonly #connection: FrameConnection;
  readonly #helloTimer: NodeJS.Timeout;
  #doneTimer: NodeJS.Timeout | undefined;
  #state = receiveStart;
  #inbox: ReceiveWindow | null = null;
  #bundle: ReceiveBundle | null = null;
  #acknowledged = 0;

  constructor(socket: TLSSocket, options: ReceiveOptions) {
    const { bounds, signal } = options;
    this.#options = options;
    this.#connection = openFrameConnection(socket, {
      bounds,
      takeSlot: () => {
        if (!this.#inbox) throw violation('a chunk before WELCOME');
        return this.#inbox.pool.take();
      },
      freeSlot: (slot) => this.#inbox?.pool.free(slot),
      onFrame: (frame) => this.#onFrame(frame),
      onWritable: () => {},
      onClosed: (error) => this.ending.resolve({ kind: 'interrupted', error }),
    });
    this.#helloTimer = setTimeout(() => this.#connection.fail(new Error('no HELLO in time')), bounds.helloMsMax);
    this.ending = new SessionEnding({
      side: 'target',
      socket,
      signal,
      farewell: (frame) => this.#connection.farewell(frame),
      release: () => this.#release(),
    });
    if (signal.aborted) return;
    options.watch(() => this.#onWindowChange());
  }

  #onFrame(frame: Frame): void {
    if (frame.name === 'chunk') {
      this.#onChunk(this.#connection, frame.chunk);
      return;
    }
    const next = this.#inbox?.next() ?? null;
    const { state, step } = onSourceFrame(this.#state, frame, { lane: this.#options.lane, next });
    this.#state = state;
    this.#perform(step);
  }

  #onChunk(connection: FrameConnection, chunk: ChunkFrame): void {
    // A slot was taken for it, so there is a window.
    const inbox = this.#inbox!;
    const next = inbox.next();
    const spread = this.#bundle?.spread ?? false;
    const limit = spread ? inbox.unpackedChunks() + this.#options.bounds.stripeSlots : next + 1;
    const verdict = judgeChunk(this.#state, chunk.sequence, {
      next,
      limit,
      holds: (sequence) => inbox.holds(sequence),
    });
    if (verdict === 'take') inbox.accept(chunk);
    else inbox.pool.free(chunk.slot);
    if (verdict === 'violation') throw violation(`chunk ${chunk.sequence} out of turn`);
    // Repeats are not bounded by the window, and each is answered.
    if (verdict !== 'take' && !connection.writable())
      throw violation('chunks again and again, without reading the answers');
    if (spread || this.#state.echoes > 0) connection.send(encodeReceived(chunk.sequence));
  }

  #perform(step: ReceiveStep): void {
    switch (step.kind) {
      case 'note_alive':
        this.#options.onAlive();
        return;
      case 'welcome':
        clearTimeout(this.#helloTimer);
        this.#welcome(step.hello).catch((error) => this.ending.giveUp(error));
        return;
      case 'echo':
        this.#connection.send(encodeControl('echo'));
        return;
      case 'spread':
        this.#spread(step.spread);
        return;
      case 'finish':
        this.#finish(step.end).catch((error) => this.ending.giveUp(error));
        return;
      case 'done':
        this.ending.resolve({ kind: 'done', value: step.proof });
        void this.#connection.farewell();
        return;
      case 'fail':
        this.ending.fail(step.error);
        return;
    }
  }

  async #welcome(hello: Hello): Promise<void> {
    const reception = await this.#options.receive(hello);
    if (this.ending.over) return;
    const verified = reception.kind === 'verified' ? reception.proof : null;
    const key = hello.key === null ? null : Buffer.from(hello.key, 'hex');
    let next = 0;
    if (reception.kind === 'inbox') {
      // Frees slots, which must not send an ACK before WELCOME.
      next = reception.inbox.resume(key);
      this.#receiveInto(reception.inbox, hello);
    }
    const { stripesMax: stripes, stripeSlots: slots } = this.#options.bounds;
    const answer: Welcome = { version: volumeStreamVersion, next, verified, keyed: true, stripes, slots };
    this.#connection.send(encodeControl('welcome', answer));
    if (verified) this.#awaitDone(verified);
    else this.#onWindowChange();
  }

  #receiveInto(inbox: ReceiveWindow, hello: Hello): void {
    const { bounds, connect, stripes: budget, onStripeFault: onFault } = this.#options;
    this.#inbox = inbox;
    this.#bundle = new ReceiveBundle({
      bounds,
      connect,
      budget,
      hello,
      takeSlot: () => inbox.pool.take(),
      freeSlot: (slot) => inbox.pool.free(slot),
      onChunk: (connection, chunk) => this.#onChunk(connection, chunk),
      onFault,
    });
  }

  #spread(spread: Spread): void {
    const { stripeSlots, stripesMax } = this.#options.bounds;
    // One more for each connection: a chunk that is dropped needs memory until it has been read.
    this.#inbox!.pool.grow(stripeSlots + stripesMax + 1);
    this.#bundle!.open(spread);
  }

  async #finish(end: Parameters<ReceiveWindow['finish']>[0]): Promise<void> {
    const proof = await this.#inbox!.finish(end);
    await this.#options.onVerified(proof);
    if (this.ending.over) return;
    this.#connection.send(encodeControl('verified', proof));
    this.#awaitDone(proof);
  }

  #awaitDone(proof: ItemProof): void {
    this.#state = { ...this.#state, proof };
    this.#options.onTold();
    const msMax = this.#options.bounds.verifiedWaitMsMax;
    this.#doneTimer = setTimeout(() => this.#connection.fail(new Error('no DONE in time')), msMax);
  }

  /** A slot is free, the unpacker took a chunk or failed, or a chunk is damaged. */
  #onWindowChange(): void {
    const inbox = this.#inbox;
    if (!inbox) return;
    const failure = inbox.failure();
    if (failure) {
      this.ending.giveUp(failure);
      return;
    }
    const damage = inbox.damage();
    if (damage) {
      this.#connection.fail(damage);
      return;
    }
    this.#connection.slotFreed();
    this.#bundle?.slotFreed();
    if (inbox.unpackedChunks() === this.#acknowledged) return;
    this.#acknowledged = inbox.unpackedChunks();
    this.#connection.send(encodeAck(this.#acknowledged, inbox.waitingChunks()));
  }

  #release(): void {
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#doneTimer);
    this.#bundle?.close();
    this.#options.watch(null);
  }
}
