import net from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Joins two streams that allow half-open, with back-pressure: the end of one's bytes ends the other's, an error or an early
 * close of one resets the other. `onClose` is called once, when both are closed.
 */
export function splice(first: Duplex, second: Duplex, onClose: () => void): void {
  let open = 2;
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    one.on('error', () => reset(other));
    // Of an HTTP/2 stream: the peer reset it, which would look like its end.
    one.on('aborted', () => reset(other));
    one.on('close', () => {
      if (!one.readableEnded || !one.writableFinished) reset(other);
      open -= 1;
      if (open === 0) onClose();
    });
    // Of an HTTP/2 stream that broke, Node tells the end as of one that came to its end.
    one.once('end', () => (isBroken(one) ? reset(other) : other.end()));
    one.pipe(other, { end: false });
  }
  // Closed before its events were listened to.
  if (first.destroyed || second.destroyed) for (const one of [first, second]) reset(one);
}

const isBroken = (stream: Duplex) => stream.destroyed || ('rstCode' in stream && stream.rstCode !== 0);

/** Closes so that the peer can't take it for the end of all bytes. */
export function reset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (!(stream instanceof net.Socket)) stream.destroy(new Error('the other side of the connection failed'));
  // While its end is being sent, a reset fails, and Node would drop the socket without closing it.
  else if (stream.writableEnded && !stream.writableFinished)
    setImmediate(() => stream.destroyed || stream.resetAndDestroy());
  else stream.resetAndDestroy();
}
