import type net from 'node:net';
import { readInto } from '../node/reused-reads.ts';
import type { Pace } from '../node/throttle.ts';
import { limits } from '../schema/limits.ts';

export interface Splice {
  /** Bytes received, both directions. */
  bytes(): number;
  /** Closes both sockets at once. */
  cut(): void;
}

/**
 * Joins two sockets until both have ended, one failed, or no byte passed for `idleMs`. A side is read only after the
 * other has taken what was read before, so memory stays at a few buffers however slow a side is. `pace` limits all
 * sessions together.
 */
export function splice(
  first: net.Socket,
  second: net.Socket,
  { idleMs, pace, onClose }: { idleMs: number; pace: Pace; onClose: () => void },
): Splice {
  let open = 2;
  const cut = () => {
    first.destroy();
    second.destroy();
  };
  for (const [socket, other] of [
    [first, second],
    [second, first],
  ] as const) {
    socket.setNoDelay(true);
    // Reads and writes both reset a socket's timer, so it covers both directions.
    socket.setTimeout(idleMs, cut);
    socket.on('error', cut);
    socket.on('close', () => {
      if (!socket.readableEnded) other.destroy();
      open -= 1;
      if (open === 0) onClose();
    });
    forward(socket, other, pace);
  }
  return { bytes: () => first.bytesRead + second.bytesRead, cut };
}

/** One buffer per direction: reading pauses while the other side still holds the previous bytes. */
function forward(from: net.Socket, to: net.Socket, pace: Pace): void {
  const resumeReading = () => {
    const waitMs = pace.waitMs();
    if (waitMs > 0) setTimeout(resumeReading, waitMs);
    else if (from.isPaused()) from.resume();
  };
  readInto(from, Buffer.allocUnsafeSlow(limits.relay.spliceBufferBytes), (bytes) => {
    pace.sent(bytes.length);
    to.write(bytes, resumeReading);
    const taken = to.writableLength === 0 && pace.waitMs() === 0;
    if (!taken) from.pause();
    return taken;
  });
  from.on('end', () => to.end());
  from.resume();
}
