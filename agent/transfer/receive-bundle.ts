import type { TLSSocket } from 'node:tls';
import { type Hello, hello as helloMessage, type Spread, volumeStreamVersion } from '../../schema/volume-stream.ts';
import type { Slot } from './chunk-pool.ts';
import { type ChunkFrame, decodeControl, encodeControl, type Frame, violation } from './frame-codec.ts';
import { type FrameConnection, openFrameConnection, type StreamBounds } from './frame-connection.ts';
import { type Connect, dialOnce } from './reconnect.ts';
import type { StripeBudget } from './stripe-budget.ts';

interface BundleOptions {
  bounds: StreamBounds;
  connect: Connect;
  budget: StripeBudget;
  /** Of the main connection. */
  hello: Hello;
  takeSlot: () => Slot | null;
  freeSlot: (slot: Slot) => void;
  /** Owns the chunk's slot; throws a violation. */
  onChunk: (connection: FrameConnection, chunk: ChunkFrame) => void;
  /** A stripe broke the protocol; it is closed. */
  onFault: (error: Error) => void;
}

/** The stripes of one main connection at the target: dials those that the source asks for. */
export class ReceiveBundle {
  readonly #options: BundleOptions;
  readonly #over = new AbortController();
  /** Null while it is dialled. */
  readonly #stripes = new Map<number, FrameConnection | null>();
  #latest = 0;

  constructor(options: BundleOptions) {
    this.#options = options;
  }

  /** True once SPREAD has come: chunks may come out of order, and each is answered. */
  get spread(): boolean {
    return this.#latest > 0;
  }

  /** Throws a violation if the source asks for stripes out of turn, or too many. Dials as many as the agent has room for. */
  open({ first, count }: Spread): void {
    const { bounds, budget } = this.#options;
    const last = first + count - 1;
    if (first !== this.#latest + 1 || last > bounds.stripeNumberMax)
      throw violation(`SPREAD to stripes ${first} to ${last}`);
    this.#latest = last;
    // Those that are being closed count until the close has been noticed.
    const granted = budget.take(Math.min(count, bounds.stripesMax - this.#stripes.size));
    for (let number = first; number < first + granted; number++) this.#dial(number);
  }

  slotFreed(): void {
    for (const connection of this.#stripes.values()) connection?.slotFreed();
  }

  /** The main connection has ended. */
  close(): void {
    this.#over.abort();
    for (const connection of [...this.#stripes.values()]) connection?.fail(new Error('the stripe is closed'));
  }

  #dial(number: number): void {
    const { bounds, budget, connect } = this.#options;
    const { signal } = this.#over;
    const forget = () => {
      this.#stripes.delete(number);
      budget.give(1);
    };
    this.#stripes.set(number, null);
    dialOnce((until) => connect(until, number), signal, bounds.stripeDialMsMax).then((socket) => {
      const connection = this.#run(socket, number, forget);
      this.#stripes.set(number, connection);
      if (signal.aborted) connection.fail(new Error('the stripe is closed'));
    }, forget);
  }

  #run(socket: TLSSocket, number: number, onEnd: () => void): FrameConnection {
    const { bounds, takeSlot, freeSlot, onChunk, onFault } = this.#options;
    let greeted = false;
    const onFrame = (frame: Frame) => {
      if (frame.name === 'chunk') onChunk(connection, frame.chunk);
      else if (frame.name === 'hello' && !greeted) {
        this.#judge(decodeControl<Hello>(helloMessage, frame.payload), number);
        greeted = true;
        clearTimeout(timer);
        connection.send(
          encodeControl('welcome', { version: volumeStreamVersion, next: 0, verified: null, keyed: true }),
        );
      } else if (frame.name !== 'alive') throw violation(`${frame.name} on a stripe`);
    };
    const connection = openFrameConnection(socket, {
      bounds,
      takeSlot: () => {
        if (!greeted) throw violation('a chunk before HELLO');
        return takeSlot();
      },
      freeSlot,
      onFrame,
      onWritable: () => {},
      onClosed: (error) => {
        clearTimeout(timer);
        onEnd();
        if (!this.#over.signal.aborted) onFault(error);
      },
    });
    const timer = setTimeout(() => connection.fail(new Error('no HELLO in time')), bounds.stripeDialMsMax);
    return connection;
  }

  /** The peer is who it should be; this tells its stripes apart. */
  #judge({ lane, stream, bundle, stripe }: Hello, number: number): void {
    const main = this.#options.hello;
    const isOurs = lane === main.lane && stream === main.stream && bundle === main.bundle && stripe === number;
    if (!isOurs) throw violation(`HELLO of stripe ${stripe} of ${lane} on stripe ${number}`);
  }
}
