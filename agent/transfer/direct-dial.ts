import net from 'node:net';
import type { Address } from '../../schema/address.ts';
import { directGo, encodeOpening } from '../../schema/direct-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { settleOnce } from './relay-admission.ts';

/** Connects directly to a target's own address; resolves once the target waits for the session. */
export async function dialDirect(place: Address, session: string, signal: AbortSignal): Promise<net.Socket> {
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
        else if (answer) reject(new StackferryError('relay_unavailable', 'The answer is not that of an agent'));
      });
    });
    socket.removeAllListeners('readable');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
