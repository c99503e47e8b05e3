import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { limits } from '../../schema/limits.ts';

/** How a session lies on the connections of a tunnel. Returns what takes each of them; it resolves or rejects with its end. */
export type Carry = (
  open: (stream: Duplex) => Http2Session,
  signal: AbortSignal,
) => (connection: Socket) => Promise<void>;

/** Each connection has a session of its own, which breaks with it, or if the peer is silent. */
export const carryOnce: Carry = (open, signal) => async (connection) => {
  const { pingIntervalMs, silenceMsMax } = limits.forward;
  const session = open(connection);
  let heardAt = performance.now();
  const heartbeat = setInterval(() => {
    if (performance.now() - heardAt > silenceMsMax) return session.destroy();
    if (session.closed || session.destroyed) return;
    session.ping((error) => {
      if (!error) heardAt = performance.now();
    });
  }, pingIntervalMs);
  await sessionEnd(session, signal).finally(() => clearInterval(heartbeat));
};

/** Resolves when the session has closed, rejects on an error; destroys it if the signal aborts. */
export function sessionEnd(session: Http2Session, signal: AbortSignal): Promise<void> {
  const abort = () => session.destroy();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return new Promise<void>((resolve, reject) => {
    session.on('error', reject);
    // No new streams: the session ends, so that another one carries them.
    session.on('goaway', () => session.close());
    session.on('close', resolve);
  }).finally(() => signal.removeEventListener('abort', abort));
}
