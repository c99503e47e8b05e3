import type { TLSSocket } from 'node:tls';
import { StackferryError } from '../../schema/errors.ts';
import { AgentEnds, rejection } from './rejection.ts';

interface EndingOptions {
  side: 'source' | 'target';
  socket: TLSSocket;
  signal: AbortSignal;
  farewell: (frame: Buffer) => Promise<void>;
  /** Clears timers and listeners. */
  release: () => void;
}

/** The end of one connection of an item, which comes once: by itself, by a failure on either side, or by the signal. */
export class SessionEnding<End> {
  readonly promise: Promise<End>;
  readonly #settle: Pick<PromiseWithResolvers<End>, 'resolve' | 'reject'>;
  readonly #options: EndingOptions;
  #over = false;

  constructor(options: EndingOptions) {
    const { promise, ...settle } = Promise.withResolvers<End>();
    this.promise = promise;
    this.#settle = settle;
    this.#options = options;
    options.signal.addEventListener('abort', this.#cancel);
    if (options.signal.aborted) this.#cancel();
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends this connection: the item is done, or continues over the next. */
  resolve(end: End): void {
    if (this.#close()) this.#settle.resolve(end);
  }

  /** Ends the item at once. */
  fail(error: unknown): void {
    if (this.#close()) this.#settle.reject(error);
    this.#options.socket.destroy();
  }

  /** Ends the item: notifies the peer, then rejects. */
  giveUp(error: unknown): void {
    if (this.#over) return;
    void this.#options.farewell(rejection(error)).then(() => {
      if (this.#close()) this.#settle.reject(error);
    });
  }

  readonly #cancel = (): void => {
    const { signal, side } = this.#options;
    // Its next start continues the item, so the peer is not notified.
    if (signal.reason instanceof AgentEnds) this.fail(signal.reason);
    else this.giveUp(new StackferryError('cancelled', `The ${side} cancelled the transfer`));
  };

  /** Returns false if it has ended before. */
  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#options.signal.removeEventListener('abort', this.#cancel);
    this.#options.release();
    return true;
  }
}
