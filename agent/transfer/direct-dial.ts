import net from 'node:net';
import { directGo, encodeOpening } from '../../schema/direct-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { settleOnce } from './relay-admission.ts';

/** Straight to a target that advertises an address; resolves once it says that it waits for the session. */
export async function dialDirect(
  place: { host: string; port: number },
  session: string,
  signal: AbortSignal,
): Promise<net.Socket> {
  const socket = net.connect({ ...place, noDelay: true });
  try {
    await settleOnce<void>(socket, limits.direct.connectMsMax, signal, (resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.write(encodeOpening(session));
    await settleOnce<void>(socket, limits.direct.goMsMax, signal, (resolve, reject) => {
      socket.once('error', reject);
      socket.on('readable', () => {
        const answer = socket.read(1) as Buffer | null;
        if (answer?.[0] === directGo) resolve();
        else if (answer) reject(new StackferryError('relay_unavailable', 'What answered is no agent'));
      });
    });
    socket.removeAllListeners('readable');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
