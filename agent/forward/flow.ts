import type dgram from 'node:dgram';
import type { Duplex } from 'node:stream';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { createDatagramReader, frameOf } from './datagram-frames.ts';
import type { ConnectOn } from './holder.ts';
import { plainAddress } from './published-port.ts';

/** The published port that took a datagram, the socket by which it is answered, and who sent it. */
export interface Arrival {
  published: ForwardedPort;
  socket: dgram.Socket;
  client: { address: string; port: number };
}

const { flowWaitingMax, flowWaitingBytesMax, connectMsMax } = limits.forward;

export interface FlowBounds {
  flowIdleMsMax: { [K in keyof typeof limits.forward.flowIdleMsMax]: number };
  flowFailedMs: number;
}

/** What one UDP client sends and is answered, by a stream of the tunnel. It ends when both have been silent for a while. */
export class Flow {
  readonly #arrival: Arrival;
  readonly #bounds: FlowBounds;
  readonly #over = new AbortController();
  readonly #onEnd: (error?: unknown) => void;
  /** Null until the target has answered. */
  #stream: Duplex | null = null;
  #waiting: Buffer[] = [];
  #idle: NodeJS.Timeout;
  #heardAt = performance.now();
  #isAnswered = false;
  /** The client went on after an answer: more than a question. */
  #isLasting = false;
  #error: unknown;

  /** `onEnd`: called once, unless by `end`; with the error if there was no way on. */
  constructor(arrival: Arrival, connect: ConnectOn, bounds: FlowBounds, onEnd: (error?: unknown) => void) {
    this.#arrival = arrival;
    this.#bounds = bounds;
    this.#onEnd = onEnd;
    this.#idle = setTimeout(() => this.#leave(), bounds.flowIdleMsMax.single);
    void this.#open(connect);
  }

  /** What the way on has no room for is dropped. */
  take(datagram: Buffer): void {
    if (this.#error !== undefined) return;
    this.#isLasting = this.#isAnswered;
    this.#keep();
    if (this.#stream) {
      if (!this.#stream.writableNeedDrain) this.#stream.write(frameOf(datagram));
    } else if (this.#mayWait(datagram)) this.#waiting.push(datagram);
  }

  silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  end(): void {
    clearTimeout(this.#idle);
    this.#over.abort();
    this.#stream?.destroy();
  }

  #mayWait({ length }: Buffer): boolean {
    const bytes = this.#waiting.reduce((sum, waiting) => sum + waiting.length, length);
    return this.#waiting.length === 0 || (this.#waiting.length < flowWaitingMax && bytes <= flowWaitingBytesMax);
  }

  async #open(connect: ConnectOn): Promise<void> {
    const { published, socket, client } = this.#arrival;
    const named = {
      published,
      client: { address: plainAddress(client.address), port: client.port },
      server: { address: plainAddress(socket.address().address), port: published.port },
    };
    try {
      const until = AbortSignal.any([this.#over.signal, AbortSignal.timeout(connectMsMax)]);
      const stream = await connect(named, until);
      stream.on('error', () => {});
      if (this.#over.signal.aborted) return void stream.destroy();
      this.#stream = stream;
      stream.on(
        'data',
        createDatagramReader((datagram) => this.#answer(datagram)),
      );
      stream.once('close', () => this.#leave());
      for (const datagram of this.#waiting) stream.write(frameOf(datagram));
    } catch (error) {
      // Kept for a moment, so that a client that goes on does not ask the target with each datagram.
      this.#error = error ?? 'no way on';
      clearTimeout(this.#idle);
      if (!this.#over.signal.aborted) this.#idle = setTimeout(() => this.#leave(error), this.#bounds.flowFailedMs);
    }
    this.#waiting = [];
  }

  #answer(datagram: Buffer): void {
    if (this.#over.signal.aborted) return;
    this.#isAnswered = true;
    this.#keep();
    const { socket, client } = this.#arrival;
    socket.send(datagram, client.port, client.address, () => {});
  }

  #keep(): void {
    this.#heardAt = performance.now();
    clearTimeout(this.#idle);
    const { single, lasting } = this.#bounds.flowIdleMsMax;
    this.#idle = setTimeout(() => this.#leave(), this.#isLasting ? lasting : single);
  }

  #leave(error?: unknown): void {
    if (this.#over.signal.aborted) return;
    this.end();
    this.#onEnd(error);
  }
}
