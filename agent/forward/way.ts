import http2, { type Http2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { forwardedPort } from '../../schema/forwarding.ts';
import { carryOnce } from './carry.ts';
import type { ConnectOn } from './holder.ts';
import type { ClientConnection } from './published-port.ts';
import { refuseStream, serveStream } from './serve-stream.ts';
import { keepTunnel, sessionOptions, type TunnelLink } from './tunnel-link.ts';
import { openTunnelSource, type TunnelSource } from './tunnel-source.ts';

/**
 * The way of a migration's connections from the holder to the agent: the tunnel between hosts once more, through the
 * holder's socket, since it tells a reset from an end and repeats what was not answered. It breaks only if one of the two
 * ends, so nothing of it goes on. The holder opens a stream for each
 * connection; the agent answers it once its own way on is open.
 */

const header = 'stackferry-connection';
const end = z.object({ address: z.string().max(64), port: z.number().int() });
const described = z.object({ published: forwardedPort, client: end, server: end });

/** The holder's end. */
export const openWay = (link: TunnelLink): TunnelSource =>
  openTunnelSource(link, new Set(), {
    carry: carryOnce,
    describe: (connection) => ({ [header]: JSON.stringify(connection) }),
  });

/** The agent's end: each connection goes on by `connect`. Resolves when the signal aborts. */
export const keepWay = (link: TunnelLink, connect: ConnectOn): Promise<void> =>
  keepTunnel(
    link,
    carryOnce((stream) => serveWay(stream, connect), link.signal),
  );

function serveWay(stream: Duplex, connect: ConnectOn): Http2Session {
  const session = http2.performServerHandshake(stream, sessionOptions);
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const connection = connectionIn(headers[header]);
    if (connection) void serveStream(stream, (signal) => connect(connection, signal));
    else refuseStream(stream);
  });
  return session;
}

function connectionIn(value: unknown): ClientConnection | null {
  try {
    return described.parse(JSON.parse(String(value)));
  } catch {
    return null;
  }
}
