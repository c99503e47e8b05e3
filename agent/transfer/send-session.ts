import { randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Pace } from '../../node/throttle.ts';
import { volumeStreamVersion } from '../../schema/volume-stream.ts';
import { encodeControl, type Frame, violation } from './frame-codec.ts';
import { type FrameConnection, openFrameConnection, type StreamBounds } from './frame-connection.ts';
import type { Connect, SessionEnd } from './reconnect.ts';
import { SendBundle } from './send-bundle.ts';
import { onTargetFrame, type SendStep, sendStart } from './send-dialogue.ts';
import type { SendWindow } from './send-window.ts';
import { SessionEnding } from './session-ending.ts';
import type { StripeBudget } from './stripe-budget.ts';
import type { ItemProof } from './tar-ports.ts';

/** The limit may be raised while a send waits for it. */
const paceLookMs = 250;

export type SendSessionEnd = SessionEnd<ItemProof> | Extract<SendStep, { kind: 'restart' }>;

interface SendOptions {
  lane: string;
  project: string | null;
  stream: string;
  key: Buffer | null;
  outbox: SendWindow;
  bounds: StreamBounds;
  signal: AbortSignal;
  pace: Pace;
  /** Dials stripes. */
  connect: Connect;
  stripes: StripeBudget;
  onAlive: () => void;
  onAcknowledged: () => void;
  /** Stores the proof: the target forgets the item with DONE. */
  onVerified: (proof: ItemProof) => Promise<void>;
  watch: (listener: (() => void) | null) => void;
}

/**
 * Runs the source's side of one main connection of an item, and of its stripes: HELLO, the chunks that WELCOME asks for,
 * END, until VERIFIED.
 * Throws if the item has failed for good: the packer failed, the target rejected it, digests differ, or it was
 * cancelled.
 */
export function runSendSession(socket: TLSSocket, options: SendOptions): Promise<SendSessionEnd> {
  return new SendSession(socket, options).ending.promise;
}

/** Moves frames between the connections and the window; `onTargetFrame` decides what follows from one. */
class SendSession {
  readonly ending: SessionEnding<SendSessionEnd>;
  readonly #socket: TLSSocket;
  readonly #options: SendOptions;
  readonly #connection: FrameConnection;
  readonly #bundle: SendBundle;
  readonly #greetedAt: number;
  readonly #welcomeTimer: NodeJS.Timeout;
  #paceTimer: NodeJS.Timeout | undefined;
  #state = sendStart;

  constructor(socket: TLSSocket, options: SendOptions) {
    const { bounds, signal } = options;
    this.#socket = socket;
    this.#options = options;
    this.#connection = openFrameConnection(socket, {
      bounds,
      takeSlot: () => {
        throw violation('a chunk from the target');
      },
      freeSlot: () => {},
      onFrame: (frame) => this.#onFrame(frame),
      onWritable: () => this.#pump(),
      onClosed: (error) => this.ending.resolve({ kind: 'interrupted', error }),
    });
    const hello = helloOf(options);
    this.#bundle = new SendBundle({
      main: this.#connection,
      bounds,
      connect: options.connect,
      budget: options.stripes,
      hello,
      onChange: () => this.#pump(),
    });
    this.#welcomeTimer = setTimeout(() => this.#connection.fail(new Error('no WELCOME in time')), bounds.helloMsMax);
    this.ending = new SessionEnding({
      side: 'source',
      socket,
      signal,
      farewell: (frame) => this.#connection.farewell(frame),
      release: () => this.#release(),
    });
    this.#greetedAt = performance.now();
    if (signal.aborted) return;
    options.watch(() => this.#pump());
    this.#connection.send(hello(0));
    this.#pump();
  }

  #onFrame(frame: Frame): void {
    const { outbox, key } = this.#options;
    const held = { keyed: key !== null, first: outbox.first(), next: outbox.next(), end: outbox.end() };
    const { state, step } = onTargetFrame(this.#state, frame, held);
    this.#state = state;
    if (frame.name === 'welcome') clearTimeout(this.#welcomeTimer);
    this.#perform(step);
  }

  #perform(step: SendStep): void {
    const { outbox, onAlive, onAcknowledged } = this.#options;
    switch (step.kind) {
      case 'note_alive':
        onAlive();
        return;
      case 'send':
        this.#bundle.welcomed(step, performance.now() - this.#greetedAt);
        this.#pump();
        return;
      case 'note_echo':
        this.#bundle.echoed();
        this.#pump();
        return;
      case 'note_received':
        this.#bundle.received(step.sequence);
        return;
      case 'acknowledge':
        this.#bundle.acknowledged(step.next, step.waiting);
        outbox.acknowledge(step.next, step.waiting);
        onAcknowledged();
        this.#pump();
        return;
      case 'confirm':
        void this.#confirm(step.proof).catch((error) => this.ending.giveUp(error));
        return;
      case 'restart':
        this.ending.resolve(step);
        this.#socket.destroy();
        return;
      case 'fail':
        this.ending.fail(step.error);
        return;
      case 'give_up':
        this.ending.giveUp(step.error);
        return;
    }
  }

  /** Sends what the window has, as fast as the connections and the bandwidth limit allow. */
  #pump(): void {
    const { outbox } = this.#options;
    if (this.ending.over) return;
    const failure = outbox.failure();
    if (failure) this.ending.giveUp(failure);
    if (failure || !this.#state.welcomed) return;
    this.#bundle.look(this.#sendChunks());
    const end = outbox.end();
    if (!end || this.#state.endSent || this.#state.cursor !== end.chunks || !this.#bundle.settled()) return;
    this.#state = { ...this.#state, endSent: true };
    this.#connection.send(encodeControl('end', end));
  }

  /** Returns true if a chunk is ready that no connection may take now. */
  #sendChunks(): boolean {
    const { outbox, pace } = this.#options;
    for (;;) {
      const { cursor } = this.#state;
      const sequence = this.#bundle.next(outbox.first(), cursor);
      const frame = sequence === null ? null : outbox.frame(sequence);
      if (sequence === null || !frame) return false;
      const carrier = this.#bundle.free();
      if (!carrier) return true;
      const waitMs = pace.waitMs();
      if (waitMs > 0) {
        clearTimeout(this.#paceTimer);
        this.#paceTimer = setTimeout(() => this.#pump(), Math.min(waitMs, paceLookMs));
        return false;
      }
      this.#bundle.send(carrier, sequence, frame);
      pace.sent(frame.length);
      if (sequence === cursor) this.#state = { ...this.#state, cursor: cursor + 1 };
    }
  }

  async #confirm(proof: ItemProof): Promise<void> {
    const { outbox, onAcknowledged, onVerified } = this.#options;
    outbox.acknowledge(outbox.next());
    onAcknowledged();
    await onVerified(proof);
    await this.#connection.farewell(encodeControl('done'));
    this.ending.resolve({ kind: 'done', value: proof });
  }

  #release(): void {
    clearTimeout(this.#welcomeTimer);
    clearTimeout(this.#paceTimer);
    this.#bundle.close();
    this.#options.watch(null);
  }
}

/** Returns the HELLO of the main connection, 0, and of each of its stripes. */
function helloOf({ lane, project, stream, key }: SendOptions): (stripe: number) => Buffer {
  const bundle = randomUUID();
  const common = { version: volumeStreamVersion, lane, stream, key: key?.toString('hex') ?? null, project, bundle };
  return (stripe) => encodeControl('hello', { ...common, stripe });
}
