import type { Duplex } from 'node:stream';
import type { limits } from '../../schema/limits.ts';
import type { Slot } from './chunk-pool.ts';
import { createFrameReader, encodeControl, type Frame } from './frame-codec.ts';
import { readInto } from './reused-reads.ts';

export type StreamBounds = { [K in keyof typeof limits.stream]: number };

/** As much as TLS gives at once, and then some. */
const readBytes = 65_536;

export interface FrameConnection {
  /** Queues one frame. */
  send(frame: Buffer): void;
  /** Whether more may be queued now; `onWritable` is called when that has changed. */
  writable(): boolean;
  /** Reads on after slots ran out. */
  slotFreed(): void;
  /** Queues a last frame, ends the connection, and waits a bounded time for it to leave; nothing is reported any more. */
  farewell(frame: Buffer): Promise<void>;
  /** Closes at once; `onClosed` is called with this reason. */
  fail(error: Error): void;
}

/**
 * Frames over one connection: reads them, keeps the write queue short, says ALIVE when there is nothing else to say,
 * and notices a peer that fell silent. A violation, a fault, or the end of the connection is reported to `onClosed`,
 * once, and nothing is called after that.
 */
export function openFrameConnection(
  socket: Duplex,
  options: {
    bounds: StreamBounds;
    takeSlot: () => Slot | null;
    freeSlot: (slot: Slot) => void;
    onFrame: (frame: Frame) => void;
    onWritable: () => void;
    onClosed: (error: Error) => void;
  },
): FrameConnection {
  const { bounds } = options;
  const alive = encodeControl('alive');
  // What came while there is no slot for it: at most what the socket read at once. One memory for all times it happens.
  let kept = Buffer.alloc(0);
  let keptBytes = 0;
  let heardAt = Date.now();
  let saidAt = Date.now();
  let closed = false;
  let leaving = false;

  const close = (error: Error) => {
    if (closed) return;
    closed = true;
    clearInterval(heartbeat);
    reader.close();
    if (leaving) return;
    socket.destroy();
    options.onClosed(error);
  };

  const reader = createFrameReader({
    takeSlot: options.takeSlot,
    freeSlot: options.freeSlot,
    onFrame: (frame) => {
      // A frame's handler may have closed the connection; what lies behind it in the same read is dropped.
      if (!closed) options.onFrame(frame);
      else if (frame.name === 'chunk') options.freeSlot(frame.chunk.slot);
    },
  });

  const keep = (bytes: Buffer) => {
    const wanted = keptBytes + bytes.length;
    if (wanted > kept.length) kept = Buffer.concat([kept], Math.max(wanted, readBytes));
    bytes.copy(kept, keptBytes);
    keptBytes = wanted;
  };

  const take = (bytes: Buffer) => {
    heardAt = Date.now();
    if (keptBytes > 0) {
      // TLS gives what it has decrypted already, paused or not.
      keep(bytes);
      return false;
    }
    try {
      const taken = reader.push(bytes);
      if (closed || taken === bytes.length) return true;
      keep(bytes.subarray(taken));
      socket.pause();
      return false;
    } catch (error) {
      close(error as Error);
      return false;
    }
  };

  const heartbeat = setInterval(() => {
    const now = Date.now();
    // While we do not read, the peer cannot be heard.
    if (keptBytes > 0) heardAt = now;
    if (now - heardAt > bounds.silenceMsMax) close(new Error('the peer fell silent'));
    else if (now - saidAt >= bounds.aliveIntervalMs && socket.writableLength === 0) send(alive);
  }, Math.min(bounds.aliveIntervalMs, bounds.silenceMsMax) / 2);

  const send = (frame: Buffer) => {
    if (closed || leaving) return;
    saidAt = Date.now();
    socket.write(frame, () => {
      if (!closed && !leaving) options.onWritable();
    });
  };

  readInto(socket, Buffer.allocUnsafeSlow(readBytes), (bytes) => closed || leaving || take(bytes));
  socket.on('error', close);
  socket.on('end', () =>
    close(reader.atBoundary() ? new Error('the peer hung up') : new Error('the connection was cut within a frame')),
  );
  socket.on('close', () => close(new Error('the connection was cut')));

  return {
    send,
    writable: () => !closed && !leaving && socket.writableLength < bounds.writeAheadBytesMax,
    slotFreed: () => {
      if (keptBytes === 0 || closed) return;
      const bytes = kept.subarray(0, keptBytes);
      keptBytes = 0;
      take(bytes);
      if (keptBytes === 0 && !closed) socket.resume();
    },
    farewell: (frame) => {
      if (closed || leaving) return Promise.resolve();
      leaving = true;
      clearInterval(heartbeat);
      return new Promise((resolve) => {
        const timer = setTimeout(() => socket.destroy(), bounds.farewellMsMax).unref();
        socket.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
        socket.end(frame, () => resolve());
        socket.resume();
      });
    },
    fail: close,
  };
}
