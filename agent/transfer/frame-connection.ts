import type { Duplex } from 'node:stream';
import { readInto } from '../../node/reused-reads.ts';
import type { limits } from '../../schema/limits.ts';
import type { Slot } from './chunk-pool.ts';
import { createFrameReader, encodeControl, type Frame, type FrameReader } from './frame-codec.ts';

export type StreamBounds = { [K in keyof typeof limits.stream]: number };

/** More than one TLS read delivers. */
const readBytes = 65_536;

export interface FrameConnection {
  send(frame: Buffer): void;
  /** True if more frames may be queued now; `onWritable` is called when that may have changed. */
  writable(): boolean;
  /** Resumes reading after slots ran out. */
  slotFreed(): void;
  /**
   * Queues a last frame, if given, ends the connection, and waits a limited time for it, whatever the peer still sends.
   * Reports no end afterwards.
   */
  farewell(frame?: Buffer): Promise<void>;
  /** Closes at once; `onClosed` is called with this reason, except after `farewell`. */
  fail(error: Error): void;
}

interface ConnectionOptions {
  bounds: StreamBounds;
  takeSlot: () => Slot | null;
  freeSlot: (slot: Slot) => void;
  onFrame: (frame: Frame) => void;
  onWritable: () => void;
  onClosed: (error: Error) => void;
}

/**
 * Sends and receives frames over one connection: keeps the write queue short, sends ALIVE when idle, and detects a
 * peer that is silent or never ends a frame. A violation, an error or the end of the connection is reported to
 * `onClosed`, once; no callback follows.
 */
export function openFrameConnection(socket: Duplex, options: ConnectionOptions): FrameConnection {
  return new Connection(socket, options);
}

class Connection implements FrameConnection {
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #alive = encodeControl('alive');
  /** Bytes that arrived while no slot was free: at most one socket read. The buffer is reused. */
  #kept = Buffer.alloc(0);
  #keptBytes = 0;
  #heardAt = performance.now();
  /** When reading was last between frames, or paused. */
  #wholeAt = performance.now();
  #sentAt = performance.now();
  #closed = false;
  #leaving = false;

  constructor(socket: Duplex, options: ConnectionOptions) {
    const { aliveIntervalMs, silenceMsMax } = options.bounds;
    this.#socket = socket;
    this.#options = options;
    this.#reader = createFrameReader({
      takeSlot: options.takeSlot,
      freeSlot: options.freeSlot,
      onFrame: (frame) => this.#onFrame(frame),
    });
    this.#heartbeat = setInterval(() => this.#look(), Math.min(aliveIntervalMs, silenceMsMax) / 2);
    readInto(socket, Buffer.allocUnsafeSlow(readBytes), (bytes) => this.#closed || this.#leaving || this.#take(bytes));
    socket.on('error', (error) => this.fail(error));
    socket.on('end', () =>
      this.fail(new Error(this.#reader.atBoundary() ? 'the peer hung up' : 'the connection was cut within a frame')),
    );
    socket.on('close', () => this.fail(new Error('the connection was cut')));
  }

  // ------------------------------------------------------------ sending

  send(frame: Buffer): void {
    if (this.#closed || this.#leaving) return;
    this.#sentAt = performance.now();
    this.#socket.write(frame, () => {
      if (!this.#closed && !this.#leaving) this.#options.onWritable();
    });
  }

  writable(): boolean {
    return !this.#closed && !this.#leaving && this.#socket.writableLength < this.#options.bounds.writeAheadBytesMax;
  }

  // ------------------------------------------------------------ receiving

  slotFreed(): void {
    if (this.#keptBytes === 0 || this.#closed) return;
    const bytes = this.#kept.subarray(0, this.#keptBytes);
    this.#keptBytes = 0;
    this.#take(bytes);
    if (this.#keptBytes === 0 && !this.#closed) this.#socket.resume();
  }

  /** Returns false to pause reading. */
  #take(bytes: Buffer): boolean {
    this.#heardAt = performance.now();
    if (this.#keptBytes > 0) {
      // Data that TLS has decrypted is delivered even while paused.
      this.#keep(bytes);
      return false;
    }
    try {
      const taken = this.#reader.push(bytes);
      if (this.#closed || taken === bytes.length) return true;
      this.#keep(bytes.subarray(taken));
      this.#socket.pause();
      return false;
    } catch (error) {
      this.fail(error as Error);
      return false;
    }
  }

  #keep(bytes: Buffer): void {
    const wanted = this.#keptBytes + bytes.length;
    if (wanted > this.#kept.length) this.#kept = Buffer.concat([this.#kept], Math.max(wanted, readBytes));
    bytes.copy(this.#kept, this.#keptBytes);
    this.#keptBytes = wanted;
  }

  #onFrame(frame: Frame): void {
    this.#wholeAt = performance.now();
    // A frame's handler may have closed the connection; later frames of the same read are dropped.
    if (!this.#closed) this.#options.onFrame(frame);
    else if (frame.name === 'chunk') this.#options.freeSlot(frame.chunk.slot);
  }

  // ------------------------------------------------------------ liveness and the end

  #look(): void {
    const { bounds } = this.#options;
    const now = performance.now();
    // While reading is paused, the peer can't be heard.
    if (this.#keptBytes > 0) this.#heardAt = now;
    if (this.#keptBytes > 0 || this.#reader.atBoundary()) this.#wholeAt = now;
    if (now - this.#heardAt > bounds.silenceMsMax) this.fail(new Error('the peer fell silent'));
    else if (now - this.#wholeAt > bounds.frameMsMax) this.fail(new Error('the peer does not end its frame'));
    else if (now - this.#sentAt >= bounds.aliveIntervalMs && this.#socket.writableLength === 0) this.send(this.#alive);
  }

  fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#reader.close();
    if (this.#leaving) return;
    this.#socket.destroy();
    this.#options.onClosed(error);
  }

  farewell(frame?: Buffer): Promise<void> {
    if (this.#closed || this.#leaving) return Promise.resolve();
    this.#leaving = true;
    clearInterval(this.#heartbeat);
    const socket = this.#socket;
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), this.#options.bounds.farewellMsMax).unref();
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      if (frame) socket.end(frame, () => resolve());
      else socket.end(() => resolve());
      socket.resume();
    });
  }
}
