import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Carry } from './carry.ts';
import { carryLasting } from './carry-lasting.ts';
import type { ConnectOn } from './holder.ts';
import { proxyHeader } from './proxy-protocol.ts';
import { type ClientConnection, portName, streamName } from './published-port.ts';
import { keepTunnel, sessionOptions, type TunnelLink } from './tunnel-link.ts';

export interface TunnelSource {
  /**
   * Opens a stream to the same published port on the target. Waits for a connection to the target as long as the signal
   * lets it; rejects if the target refuses the port or can't reach it.
   */
  connect: ConnectOn;
  /** Resolves when the signal aborts; rejects as `keepTunnel`. */
  ended: Promise<void>;
}

interface SourceOptions {
  /** Default: requests that are under way outlast a connection that breaks. */
  carry?: Carry;
  /** Headers of a connection's stream besides the port's name. */
  describe?: (connection: ClientConnection) => OutgoingHttpHeaders;
}

/** `proxied`: names of published ports whose app is sent the client's address in a PROXY header. */
export function openTunnelSource(
  link: TunnelLink,
  proxied: ReadonlySet<string>,
  { carry = carryLasting('source'), describe = () => ({}) }: SourceOptions = {},
): TunnelSource {
  let session: ClientHttp2Session | null = null;
  const waiting = new Set<() => void>();

  const open = (stream: Duplex) => {
    const opened = http2.connect('http://target', { ...sessionOptions, createConnection: () => stream });
    opened.once('connect', () => opened.setLocalWindowSize(limits.forward.tunnelWindowBytes));
    session = opened;
    for (const wake of waiting) wake();
    return opened;
  };
  const ended = keepTunnel(link, carry(open, link.signal));

  const ready = (signal: AbortSignal) =>
    new Promise<ClientHttp2Session>((resolve, reject) => {
      const leave = () => {
        waiting.delete(look);
        signal.removeEventListener('abort', abort);
      };
      const abort = () => {
        leave();
        reject(signal.reason);
      };
      const look = () => {
        if (!session || session.closed || session.destroyed) return;
        leave();
        resolve(session);
      };
      signal.addEventListener('abort', abort, { once: true });
      waiting.add(look);
      look();
      if (signal.aborted) abort();
    });

  return {
    ended,
    connect: async (connection, signal) => {
      const until = AbortSignal.any([signal, link.signal]);
      const name = portName(connection.published);
      for (;;) {
        const headers = { ...describe(connection), ':authority': streamName(connection.published) };
        const stream = await opened(await ready(until), headers, until);
        if (!stream) {
          await sleep(limits.forward.reconnectDelayMsMin, until);
          continue;
        }
        if (proxied.has(name)) stream.write(proxyHeader(connection));
        return stream;
      }
    },
  };
}

/** Null if the session broke before the target answered: no byte of the client was sent, so it may be repeated. */
function opened(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders & { ':authority': string },
  signal: AbortSignal,
): Promise<ClientHttp2Stream | null> {
  return new Promise((resolve, reject) => {
    // Since it was chosen it may have ended.
    if (session.closed || session.destroyed) return resolve(null);
    const stream = session.request({ ...headers, ':method': 'CONNECT' }, { endStream: false });
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      stream.off('close', lost);
      act();
    };
    const abort = () => {
      stream.close(http2.constants.NGHTTP2_CANCEL);
      settle(() => reject(signal.reason));
    };
    const lost = () => settle(() => resolve(null));
    // Followed by `close`.
    stream.on('error', () => {});
    stream.once('close', lost);
    stream.once('response', ({ ':status': status }) =>
      settle(() => {
        if (status === http2.constants.HTTP_STATUS_OK) return resolve(stream);
        stream.close(http2.constants.NGHTTP2_CANCEL);
        reject(
          new StackferryError(
            'target_unreachable',
            `The target does not take connections to ${headers[':authority']} (${status})`,
          ),
        );
      }),
    );
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
