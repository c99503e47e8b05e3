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
  const [host = ''] = localAddresses(published);
  const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(published.port, host, () => {
      socket.off('error', reject);
      resolve();
    });
  }).catch((error) => {
    socket.close();
    throw error;
  });
  // A connected socket tells that nobody listens: the app may have begun to when the next datagram comes.
  const ignore = () => {};
  socket.on('error', ignore);

  let hasRoom = true;
  const read = createDatagramReader((datagram) => socket.send(datagram, ignore));
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
  const look = setInterval(() => {
    if (!isHere()) stream.destroy(new Error('the stack has left this host'));
  }, lookMs);
  socket.on('message', (datagram) => {
    if (hasRoom && !stream.readableEnded && !stream.destroyed) hasRoom = stream.push(frameOf(datagram));
  });
  return stream;
}
