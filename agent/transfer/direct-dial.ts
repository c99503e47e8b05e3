import net from 'node:net';
import type { Address } from '../../schema/address.ts';
import { directGo, encodeOpening } from '../../schema/direct-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { settleOnce } from './relay-admission.ts';

/** A target's own addresses, tried at the same time. */
export interface DirectDial {
  /** Resolves with the first TCP connection, or once all places have failed. */
  connected: Promise<void>;
  /** True if a TCP connection was made: the target may take it from then on. */
  stands(): boolean;
  /** The first connection that the target takes for the session; null if none. */
  socket: Promise<net.Socket | null>;
  /** Gives up what is not connected yet. */
  close(): void;
}

export function dialDirectly(
  places: Address[],
  session: string,
  signal: AbortSignal,
  onFault: (place: Address, error: unknown) => void,
): DirectDial {
  const first = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<net.Socket | null>();
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  let stands = false;
  let isTaken = false;
  const tries = places.map(async (place) => {
    const socket = net.connect({ ...place, noDelay: true });
    try {
      await connected(socket, until);
      stands = true;
      first.resolve();
      socket.write(encodeOpening(session));
      await taking(socket, until);
      if (isTaken) throw new StackferryError('cancelled', 'Another address answered first');
      isTaken = true;
      taken.resolve(socket);
      over.abort();
    } catch (error) {
      socket.destroy();
      if (!isTaken && !signal.aborted) onFault(place, error);
    }
  });
  void Promise.all(tries).then(() => {
    first.resolve();
    taken.resolve(null);
  });
  return {
    connected: first.promise,
    stands: () => stands,
    socket: taken.promise,
    close: () => over.abort(),
  };
}

const connected = (socket: net.Socket, signal: AbortSignal) =>
  settleOnce<void>(socket, limits.direct.connectMsMax, signal, (resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });

/** Resolves once the target waits for the session. */
async function taking(socket: net.Socket, signal: AbortSignal): Promise<void> {
  await settleOnce<void>(socket, limits.direct.goMsMax, signal, (resolve, reject) => {
    socket.once('error', reject);
    socket.on('readable', () => {
      const answer = socket.read(1) as Buffer | null;
      if (answer?.[0] === directGo) resolve();
      else if (answer) reject(new StackferryError('relay_unavailable', 'The answer is not that of an agent'));
    });
  });
  socket.removeAllListeners('readable');
}
