import type { Spread, Welcome } from '../../schema/volume-stream.ts';
import { Carrier } from './carrier.ts';
import { encodeControl, violation } from './frame-codec.ts';
import type { FrameConnection, StreamBounds } from './frame-connection.ts';
import { createLine } from './line.ts';
import { type Connect, dialOnce } from './reconnect.ts';
import { runSendStripe, type SendStripe } from './send-stripe.ts';
import type { StripeBudget } from './stripe-budget.ts';

interface BundleOptions {
  main: FrameConnection;
  bounds: StreamBounds;
  connect: Connect;
  budget: StripeBudget;
  /** Encodes the HELLO of a stripe. */
  hello: (stripe: number) => Buffer;
  /** A connection may have become free, or chunks have come back from one that broke. */
  onChange: () => void;
}

/** The main connection of the source and its stripes: shares the chunks out, and opens stripes where the line needs them. */
export class SendBundle {
  readonly #options: BundleOptions;
  readonly #main: Carrier;
  readonly #carriers: Set<Carrier>;
  readonly #line;
  readonly #over = new AbortController();
  #watch: NodeJS.Timeout | undefined;
  /** Stripes with a connection, welcomed or not. */
  readonly #stripes = new Set<SendStripe>();
  /** Of stripes that broke, in order. */
  #returned: number[] = [];
  #dialling = 0;
  /** Number of the latest stripe. */
  #latest = 0;
  #accepted = { stripes: 0, slots: 0 };
  /** All chunks before have arrived. */
  #arrived = 0;
  /** Then more connections would bring nothing. */
  #unpackerBehind = false;
  #echoAt: number | null = null;

  constructor(options: BundleOptions) {
    this.#options = options;
    this.#main = new Carrier(options.main);
    this.#carriers = new Set([this.#main]);
    this.#line = createLine(options.bounds);
  }

  /** `ms`: from HELLO to WELCOME. A target of the previous release accepts no stripes, and nothing is measured. */
  welcomed({ stripes, slots }: Pick<Welcome, 'stripes' | 'slots'>, ms: number): void {
    this.#accepted = { stripes: Math.min(stripes, this.#options.bounds.stripesMax), slots };
    if (this.#accepted.stripes === 0 || slots === 0) return;
    this.#line.welcomed(ms);
    this.#measure();
  }

  echoed(): void {
    if (this.#echoAt === null) throw violation('an ECHO that was not asked for');
    this.#line.echoed(performance.now() - this.#echoAt);
    this.#echoAt = null;
    this.#measure();
  }

  /** Returns the chunk to send next: one that a stripe gave back, else `cursor`; null if the target could not hold it. */
  next(first: number, cursor: number): number | null {
    while (this.#returned[0] !== undefined && this.#returned[0] < Math.max(first, this.#arrived))
      this.#returned.shift();
    const next = this.#returned[0] ?? cursor;
    return this.#latest > 0 && next >= first + this.#accepted.slots ? null : next;
  }

  /** Sends the chunk that `next` named. */
  send(carrier: Carrier, sequence: number, frame: Buffer): void {
    if (this.#returned[0] === sequence) this.#returned.shift();
    carrier.carry(sequence, frame);
  }

  /** Returns the connection with the least under way; null if all have enough. */
  free(): Carrier | null {
    const ahead = this.#line.aheadBytes();
    let least: Carrier | null = null;
    for (const carrier of this.#carriers) {
      if (carrier.bytes >= ahead || !carrier.connection.writable()) continue;
      if (!least || carrier.bytes < least.bytes) least = carrier;
    }
    return least;
  }

  /** All chunks before `next` went to the unpacker, or are among the `waiting` ones after it. */
  acknowledged(next: number, waiting: number): void {
    this.#arrived = Math.max(this.#arrived, next + waiting);
    this.#unpackerBehind = waiting >= this.#options.bounds.inboxChunksMax / 2;
    for (const carrier of this.#carriers) this.#line.received(carrier.arrivedBefore(this.#arrived));
  }

  /** RECEIVED on the main connection. */
  received(sequence: number): void {
    this.#received(this.#main, sequence);
  }

  /** Nothing is under way but on the main connection, so END may follow there. */
  settled(): boolean {
    const others = [...this.#carriers].filter((carrier) => carrier !== this.#main);
    return this.#returned.length === 0 && others.every((carrier) => carrier.bytes === 0);
  }

  /** Opens stripes if that may help. `blocked`: a chunk is ready, and no connection may take it. */
  look(blocked: boolean): void {
    const isFull = blocked && !this.#unpackerBehind;
    this.#line.blocked(isFull);
    const mayOpen = this.#accepted.stripes > 0 && this.#dialling === 0 && !this.#over.signal.aborted;
    if (!isFull || !mayOpen) return;
    const open = this.#carriers.size;
    const more = Math.min(this.#line.connections(open, this.#roomBytes()), this.#accepted.stripes + 1) - open;
    const count = Math.min(more, this.#options.bounds.stripeNumberMax - this.#latest);
    if (count > 0) this.#spread(count);
  }

  /** What the target holds of chunks as large as those under way. */
  #roomBytes(): number {
    let [bytes, chunks] = [0, 0];
    for (const carrier of this.#carriers) {
      bytes += carrier.bytes;
      chunks += carrier.sequences().length;
    }
    return chunks === 0 ? 0 : (bytes / chunks) * this.#accepted.slots;
  }

  /** The main connection has ended. */
  close(): void {
    clearInterval(this.#watch);
    this.#over.abort();
    for (const stripe of this.#stripes) stripe.close();
  }

  #measure(): void {
    if (!this.#line.unsure()) return;
    this.#echoAt = performance.now();
    this.#main.connection.send(encodeControl('echo'));
  }

  #received(carrier: Carrier, sequence: number): void {
    const bytes = carrier.arrived(sequence);
    // An ACK on the main connection may have told it already.
    if (bytes === null && sequence >= this.#arrived) throw violation(`RECEIVED of chunk ${sequence}, not under way`);
    this.#line.received(bytes ?? 0);
    this.#options.onChange();
  }

  // ------------------------------------------------------------ stripes

  #spread(wanted: number): void {
    const count = this.#options.budget.take(wanted);
    if (count === 0) return;
    const request: Spread = { first: this.#latest + 1, count };
    this.#latest += count;
    this.#main.connection.send(encodeControl('spread', request));
    this.#watch ??= setInterval(() => this.#closeStalled(), this.#options.bounds.stripeMeasureMs);
    for (let number = request.first; number <= this.#latest; number++) this.#open(number);
  }

  #open(number: number): void {
    const { bounds, budget, connect, hello, onChange } = this.#options;
    const { signal } = this.#over;
    this.#dialling += 1;
    const dialled = () => {
      this.#dialling -= 1;
    };
    dialOnce((until) => connect(until, number), signal, bounds.stripeDialMsMax).then(
      (socket) => {
        let ready = false;
        const stripe = runSendStripe(socket, {
          bounds,
          hello: hello(number),
          onReady: (carrier) => {
            ready = true;
            dialled();
            this.#carriers.add(carrier);
            onChange();
          },
          onReceived: (carrier, sequence) => this.#received(carrier, sequence),
          onWritable: onChange,
          onClosed: (carrier) => {
            if (!ready) dialled();
            budget.give(1);
            this.#stripes.delete(stripe);
            this.#lost(carrier);
          },
        });
        this.#stripes.add(stripe);
        if (signal.aborted) stripe.close();
      },
      () => {
        dialled();
        budget.give(1);
      },
    );
  }

  #closeStalled(): void {
    const { stripeStallFactor, stripeStallMsMin } = this.#options.bounds;
    const usualMs = this.#line.usualMs(this.#carriers.size);
    if (usualMs === null) return;
    const msMax = Math.max(stripeStallMsMin, stripeStallFactor * usualMs);
    for (const carrier of [...this.#carriers]) {
      const isStalled = carrier !== this.#main && carrier.waitingMs() > msMax;
      if (isStalled) carrier.connection.fail(new Error('the stripe is much slower than the others'));
    }
  }

  #lost(carrier: Carrier): void {
    this.#carriers.delete(carrier);
    this.#returned = [...this.#returned, ...carrier.sequences()].sort((one, other) => one - other);
    if (!this.#over.signal.aborted) this.#options.onChange();
  }
}
