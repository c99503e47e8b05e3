import http2, { type Http2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Log } from '../../node/log.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { carryLasting } from './carry-lasting.ts';
import { connectTo } from './connect-to.ts';
import { datagramsTo } from './datagram-stream.ts';
import { streamName } from './published-port.ts';
import { refuseStream, serveStream } from './serve-stream.ts';
import { keepTunnel, sessionOptions, type TunnelLink } from './tunnel-link.ts';

const status = http2.constants;

export interface TunnelTargetOptions {
  /** Recorded for this migration: anything else is refused. */
  ports: ForwardedPort[];
  /** False once the stack has moved on: the port may be another one's. */
  isHere?: () => boolean;
  log: Log;
}

/**
 * Takes the streams of the source and connects each to a port that the stack publishes on this host. Resolves when the
 * signal aborts; throws as `keepTunnel`.
 */
export const keepTunnelTarget = (link: TunnelLink, options: TunnelTargetOptions): Promise<void> =>
  keepTunnel(
    link,
    carryLasting('target')((stream) => serveTunnel(stream, options), link.signal),
  );

function serveTunnel(stream: Duplex, { ports, log, isHere = () => true }: TunnelTargetOptions): Http2Session {
  const session = http2.performServerHandshake(stream, sessionOptions);
  session.setLocalWindowSize(limits.forward.tunnelWindowBytes);
  const known = new Map(ports.map((port) => [streamName(port), port]));
  /** One line for each connection of the source, whatever it asks for. */
  let isLogged = false;
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const port = headers[':method'] === 'CONNECT' ? known.get(`${headers[':authority']}`) : undefined;
    if (port && isHere())
      return void serveStream(stream, (signal) =>
        port.protocol === 'udp' ? datagramsTo(port, isHere) : connectTo(port, signal),
      );
    if (port) return refuseStream(stream);
    if (!isLogged) log.warn('the source asked for a port that this migration does not have', { asked: asked(headers) });
    isLogged = true;
    refuseStream(stream, status.HTTP_STATUS_FORBIDDEN);
  });
  return session;
}

const asked = (headers: http2.IncomingHttpHeaders) => `${headers[':method']} ${headers[':authority']}`.slice(0, 100);
