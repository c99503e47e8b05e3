import type net from 'node:net';
import { readInto } from '../agent/transfer/reused-reads.ts';
import type { Pace } from '../agent/transfer/throttle.ts';
import { limits } from '../schema/limits.ts';

export interface Splice {
  /** Bytes that came in, both directions. */
  bytes(): number;
  /** Cuts both sides now. */
  cut(): void;
}

/**
 * Joins two sockets until both have ended, one failed, or no byte passed for `idleMs`. A side is not read on until the
 * other took what was read, so memory is a few buffers however slow a side is. `pace`
 * bounds what all sessions carry.
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
    // A socket's timer is set back by its reads and its writes, so it sees both directions.
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

/** One buffer a direction: nothing is read while the other side still holds what was read before. */
function forward(from: net.Socket, to: net.Socket, pace: Pace): void {
  const goOn = () => {
    const waitMs = pace.waitMs();
    if (waitMs > 0) setTimeout(goOn, waitMs);
    else if (from.isPaused()) from.resume();
  };
  readInto(from, Buffer.allocUnsafeSlow(limits.relay.spliceBufferBytes), (bytes) => {
    pace.sent(bytes.length);
    to.write(bytes, goOn);
    const taken = to.writableLength === 0 && pace.waitMs() === 0;
    if (!taken) from.pause();
    return taken;
  });
  from.on('end', () => to.end());
  from.resume();
}
