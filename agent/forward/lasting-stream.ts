import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { limits } from '../../schema/limits.ts';
import { ackFrame, byeFrame, dataHead } from './lasting-frames.ts';

type LastingBounds = Pick<
  { [K in keyof typeof limits.forward]: number },
  'tunnelKeptBytesMax' | 'tunnelAckBytes' | 'tunnelLostMsMax'
>;

/**
 * A stream of bytes between two hosts that goes on over the next connection when one breaks: what the peer has not
 * received is kept and sent again. Fails if no connection comes for `tunnelLostMsMax`.
 *
 * A write never waits, since HTTP/2 reads nothing while one does, and so both sides could wait for each other. Its windows
 * bound what is under way; more than `tunnelKeptBytesMax` is a fault and ends the stream.
 */
export class LastingStream extends Duplex {
  readonly id: string;
  readonly #bounds: LastingBounds;
  /** Sent from byte `#acknowledged` on. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** What the peer says that it received. */
  #acknowledged = 0;
  #received = 0;
  /** Of `#received`, as the peer knows it. */
  #told = 0;
  #connection: Socket | null = null;
  #lost: NodeJS.Timeout | undefined;

  constructor(id: string, bounds: LastingBounds = limits.forward) {
    super({ allowHalfOpen: false });
    this.id = id;
    this.#bounds = bounds;
    this.#wait();
  }

  get received(): number {
    return this.#received;
  }

  /** Goes on over this connection, whose peer has received so many bytes. */
  carryOn(connection: Socket, received: number): void {
    if (this.destroyed) return void connection.destroy();
    this.leave(this.#connection);
    clearTimeout(this.#lost);
    this.#connection = connection;
    this.#told = this.#received;
    this.acknowledge(received);
    if (!this.destroyed) this.#write(this.#kept);
  }

  /** The connection has ended; another one may follow. */
  leave(connection: Socket | null): void {
    if (!connection || this.#connection !== connection) return;
    this.#connection = null;
    connection.destroy();
    if (!this.destroyed) this.#wait();
  }

  /** Bytes of the peer that have come. */
  deliver(bytes: Buffer): void {
    if (this.destroyed) return;
    this.#received += bytes.length;
    if (!this.push(bytes)) this.#connection?.pause();
    if (this.#received - this.#told >= this.#bounds.tunnelAckBytes) this.tell();
  }

  acknowledge(received: number): void {
    if (this.destroyed) return;
    let gone = received - this.#acknowledged;
    if (gone < 0 || gone > this.#keptBytes)
      return void this.destroy(new Error('the peer says that it received what was not sent'));
    this.#acknowledged = received;
    this.#keptBytes -= gone;
    let whole = 0;
    while (whole < this.#kept.length && this.#kept[whole]!.length <= gone) gone -= this.#kept[whole++]!.length;
    this.#kept.splice(0, whole);
    if (gone > 0) this.#kept[0] = this.#kept[0]!.subarray(gone);
  }

  /** Tells the peer what was received: it need not keep that any longer. */
  tell(): void {
    this.#told = this.#received;
    if (this.#connection?.writable) this.#connection.write(ackFrame(this.#received));
  }

  override _read(): void {
    this.#connection?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk]);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(chunks.map(({ chunk }) => chunk));
    done();
  }

  /** One side's end is that of the stream. */
  override _final(done: (error?: Error | null) => void): void {
    done();
    setImmediate(() => this.destroy());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#lost);
    const connection = this.#connection;
    this.#connection = null;
    this.#kept = [];
    if (connection?.writable) connection.write(byeFrame());
    connection?.destroySoon();
    done(error);
  }

  #send(chunks: Buffer[]): void {
    this.#kept.push(...chunks.filter(({ length }) => length > 0));
    this.#keptBytes += lengthOf(chunks);
    if (this.#keptBytes > this.#bounds.tunnelKeptBytesMax)
      return void this.destroy(new Error('the peer takes too little of what it was sent'));
    this.#write(chunks);
  }

  #write(chunks: Buffer[]): void {
    const connection = this.#connection;
    const length = lengthOf(chunks);
    if (!connection?.writable || length === 0) return;
    connection.cork();
    connection.write(dataHead(length));
    for (const chunk of chunks) connection.write(chunk);
    connection.uncork();
  }

  #wait(): void {
    const { tunnelLostMsMax } = this.#bounds;
    this.#lost = setTimeout(() => this.destroy(new Error('no connection to the peer came in time')), tunnelLostMsMax);
    this.#lost.unref();
  }
}

const lengthOf = (chunks: Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0);
