import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { Duplex } from 'node:stream';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { createDatagramReader, frameOf } from './datagram-frames.ts';
import { localAddresses } from './published-port.ts';

/**
 * A UDP port that this host publishes, as a stream of framed datagrams. What the reader of the stream has no room for is
 * dropped, and so is what the app does not take: as on any network. Closes soon after the stack is not here any more. Rejects
 * with the socket's error.
 */
export async function datagramsTo(
  published: ForwardedPort,
  isHere: () => boolean,
  lookMs: number = limits.forward.flowLookMs,
): Promise<Duplex> {
  const [first = '', ...others] = localAddresses(published);
  let socket = await connected(first, published.port);
  let hasRoom = true;
  let isMoving = false;
  const read = createDatagramReader((datagram) => {
    if (!isMoving) socket.send(datagram, ignore);
  });
  const stream = new Duplex({
    read: () => {
      hasRoom = true;
    },
    write: (bytes: Buffer, _encoding, done) => {
      read(bytes);
      done();
    },
    final: (done) => {
      stream.push(null);
      done();
    },
    destroy: (error, done) => {
      clearInterval(look);
      socket.close();
      done(error);
    },
  });
  const listen = () => {
    socket.on('message', (datagram) => {
      // It is there.
      others.length = 0;
      if (hasRoom && !stream.readableEnded && !stream.destroyed) hasRoom = stream.push(frameOf(datagram));
    });
    // A connected socket tells that nobody listens: at another address perhaps, or not yet.
    socket.on('error', (error) => void moveOn(error).catch(ignore));
  };
  const moveOn = async (error: NodeJS.ErrnoException) => {
    const next = others.shift();
    if (error.code !== 'ECONNREFUSED' || next === undefined || isMoving) return;
    isMoving = true;
    const other = await connected(next, published.port).finally(() => {
      isMoving = false;
    });
    if (stream.destroyed) return void other.close();
    socket.close();
    socket = other;
    listen();
  };
  const look = setInterval(() => {
    if (!isHere()) stream.destroy(new Error('the stack has left this host'));
  }, lookMs);
  listen();
  return stream;
}

const ignore = () => {};

async function connected(host: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}
