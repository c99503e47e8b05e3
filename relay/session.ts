import type net from 'node:net';

export interface Splice {
  /** Bytes that came in, both directions. */
  bytes(): number;
  /** Cuts both sides now. */
  cut(): void;
}

/**
 * Joins two sockets until both have ended, one failed, or no byte passed for `idleMs`. A side is not read on until the
 * other took what was read, so memory is a few buffers however slow a side is.
 */
export function splice(first: net.Socket, second: net.Socket, idleMs: number, onClose: () => void): Splice {
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
    socket.pipe(other);
  }
  return { bytes: () => first.bytesRead + second.bytesRead, cut };
}
