import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { type ClientConnection, plainAddress, portName } from './published-port.ts';
import { reset, splice } from './splice.ts';
import { createTraffic, type Traffic } from './traffic.ts';

/**
 * Opens the way on for one held connection. Rejects if there is none, at the latest when the signal aborts: the client is
 * then reset. Once it has resolved, the signal says nothing more.
 */
export type ConnectOn = (connection: ClientConnection, signal: AbortSignal) => Promise<Duplex>;

export type HolderBounds = Pick<
  { [K in keyof typeof limits.forward]: number },
  'heldMax' | 'holdMsMax' | 'openingMax' | 'splicedMax' | 'closeMsMax'
>;

export interface HolderCounts {
  held: number;
  spliced: number;
  /** Closed at once, since too many were held or spliced. */
  refused: number;
  /** Closed after `holdMsMax`. */
  expired: number;
  /** Reset, since there was no way on. */
  failed: number;
  /** The longest that a connection waited for its way on, in ms. */
  longestMs: number;
}

interface Waiting {
  connection: ClientConnection;
  socket: net.Socket;
  since: number;
  timer: NodeJS.Timeout;
  /** Of the attempt under way. */
  attempt: AbortController | null;
}

/**
 * Takes the connections of a stack's listeners: closes them until `hold`, holds them unread until `forward`, then passes
 * them on, the oldest first. What is held may wait `holdMsMax` in all, attempts to connect included.
 */
export class Holder {
  readonly traffic: Traffic;
  readonly #bounds: HolderBounds;
  readonly #log: Log;
  readonly #waiting = new Set<Waiting>();
  /** Each with the end of both its sides. */
  readonly #spliced = new Map<net.Socket, Promise<void>>();
  readonly #counts = { refused: 0, expired: 0, failed: 0, longestMs: 0 };
  /** Attempts under way. */
  #opening = 0;
  #mode: 'closed' | 'holding' | ConnectOn = 'closed';
  /** Of several failures in a row only the first is logged. */
  #failing = false;

  constructor(ports: ForwardedPort[], log: Log, bounds: Partial<HolderBounds> = {}) {
    this.traffic = createTraffic(ports.filter(({ protocol }) => protocol === 'tcp').map(portName));
    this.#log = log;
    this.#bounds = { ...limits.forward, ...bounds };
  }

  counts(): HolderCounts {
    return { held: this.#waiting.size, spliced: this.#spliced.size, ...this.#counts };
  }

  take(published: ForwardedPort, socket: net.Socket): void {
    socket.on('error', () => socket.destroy());
    const { remoteAddress, remotePort: port, localAddress } = socket;
    // Without an address: the client is gone already.
    if (this.#mode === 'closed' || !remoteAddress || !port || !localAddress) return void socket.resetAndDestroy();
    const address = plainAddress(remoteAddress);
    this.traffic.record(portName(published), address);
    const { heldMax, splicedMax, holdMsMax } = this.#bounds;
    if (this.#waiting.size >= heldMax || this.#spliced.size >= splicedMax) {
      this.#counts.refused += 1;
      return void socket.resetAndDestroy();
    }
    const waiting: Waiting = {
      connection: {
        published,
        client: { address, port },
        server: { address: plainAddress(localAddress), port: published.port },
      },
      socket,
      since: performance.now(),
      timer: setTimeout(() => this.#expire(waiting), holdMsMax),
      attempt: null,
    };
    this.#waiting.add(waiting);
    socket.once('close', () => this.#leave(waiting));
    this.#passOnNext();
  }

  /** From now on connections are held, those too whose way on is not open yet. Spliced ones go on. */
  hold(): void {
    this.#mode = 'holding';
    for (const waiting of this.#waiting) {
      waiting.attempt?.abort();
      waiting.attempt = null;
    }
  }

  /** Passes on held and later connections. */
  forward(connect: ConnectOn): void {
    this.hold();
    this.#mode = connect;
    this.#passOnNext();
  }

  /** Closes what is held, cleanly, and takes no more. Resolves when the spliced ones have ended, after `drainMsMax` cut. */
  async close(drainMsMax: number): Promise<void> {
    this.#mode = 'closed';
    for (const waiting of this.#waiting) {
      this.#leave(waiting);
      this.#closeCleanly(waiting.socket);
    }
    const timer = setTimeout(() => {
      for (const socket of this.#spliced.keys()) reset(socket);
    }, drainMsMax);
    const closed = Promise.all(this.#spliced.values());
    await Promise.race([closed, sleep(drainMsMax + this.#bounds.closeMsMax)]);
    clearTimeout(timer);
  }

  /** The oldest first, and not all at once: an app takes new connections one by one. */
  #passOnNext(): void {
    if (typeof this.#mode === 'string') return;
    for (const waiting of this.#waiting) {
      if (this.#opening >= this.#bounds.openingMax) return;
      if (!waiting.attempt) void this.#passOn(waiting, this.#mode);
    }
  }

  async #passOn(waiting: Waiting, connect: ConnectOn): Promise<void> {
    const attempt = new AbortController();
    waiting.attempt = attempt;
    this.#opening += 1;
    const { socket, connection } = waiting;
    try {
      const on = await connect(connection, attempt.signal);
      if (waiting.attempt !== attempt || !this.#leave(waiting)) {
        on.on('error', () => {});
        return void reset(on);
      }
      this.#failing = false;
      this.#counts.longestMs = Math.max(this.#counts.longestMs, performance.now() - waiting.since);
      const closed = Promise.withResolvers<void>();
      this.#spliced.set(socket, closed.promise);
      splice(socket, on, () => {
        this.#spliced.delete(socket);
        closed.resolve();
      });
    } catch (error) {
      if (waiting.attempt !== attempt || !this.#leave(waiting)) return;
      this.#counts.failed += 1;
      if (!this.#failing)
        this.#log.warn(`a connection to ${portName(connection.published)} could not be passed on`, { error });
      this.#failing = true;
      reset(socket);
    } finally {
      this.#opening -= 1;
      this.#passOnNext();
    }
  }

  #expire(waiting: Waiting): void {
    if (!this.#leave(waiting)) return;
    this.#counts.expired += 1;
    this.#closeCleanly(waiting.socket);
  }

  /** False if it was no longer waiting. */
  #leave(waiting: Waiting): boolean {
    clearTimeout(waiting.timer);
    const { attempt } = waiting;
    waiting.attempt = null;
    attempt?.abort();
    return this.#waiting.delete(waiting);
  }

  /** Bytes left unread would turn the close into a reset. */
  #closeCleanly(socket: net.Socket): void {
    const timer = setTimeout(() => socket.destroy(), this.#bounds.closeMsMax).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.end();
    socket.resume();
  }
}
