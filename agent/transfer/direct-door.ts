import type net from 'node:net';
import type { Address } from '../../schema/address.ts';
import { limits } from '../../schema/limits.ts';
import { type DirectListener, openDirectListener } from './direct-listener.ts';
import { ownAddresses } from './own-addresses.ts';

/** How a target lets sources past the relay. */
export interface DirectDoor {
  /** Opens the door for the lanes to come, and returns where it is. Empty if sources know or cannot reach it. */
  open(): Promise<Address[]>;
  wait: DirectListener['wait'];
  close(): Promise<void>;
}

/** A port that the operator chose (`--listen`), always open; the control plane knows its address from the hello. */
export const fixedDoor = (listener: DirectListener): DirectDoor => ({
  open: async () => [],
  wait: listener.wait,
  close: listener.close,
});

/** A port that the system chose, closed once no lane was waited for in `idleMsMax`; it has the same number each time. */
export function passingDoor(
  onFault: (error: unknown) => void,
  { addresses = ownAddresses, idleMsMax = limits.direct.idleMsMax as number } = {},
): DirectDoor {
  let port = 0;
  let opening: Promise<DirectListener> | null = null;
  let waiting = 0;
  let idle: NodeJS.Timeout | undefined;

  const shut = async () => {
    const opened = opening;
    opening = null;
    clearTimeout(idle);
    await opened?.then((listener) => listener.close()).catch(() => {});
  };
  const restartIdle = () => {
    clearTimeout(idle);
    if (waiting > 0) return;
    idle = setTimeout(() => void shut(), idleMsMax);
    idle.unref();
  };
  const opened = async (): Promise<DirectListener> => {
    opening ??= openDirectListener({ host: '::', port }).catch(() => openDirectListener({ host: '0.0.0.0', port }));
    const mine = opening;
    try {
      const listener = await mine;
      port = listener.port;
      restartIdle();
      return listener;
    } catch (error) {
      if (opening === mine) opening = null;
      throw error;
    }
  };

  const faulty = (error: unknown) => {
    onFault(error);
    return null;
  };

  return {
    open: async () => {
      const hosts = addresses();
      if (hosts.length === 0) return [];
      const listener = await opened().catch(faulty);
      return listener ? hosts.map((host) => ({ host, port: listener.port })) : [];
    },
    wait: async (session, signal) => {
      waiting += 1;
      try {
        // Nobody was told of a door that this process never opened.
        const listener = port === 0 ? null : await opened().catch(faulty);
        return await (listener?.wait(session, signal) ?? aborted(signal));
      } finally {
        waiting -= 1;
        restartIdle();
      }
    },
    close: shut,
  };
}

/** The relay is left. */
const aborted = (signal: AbortSignal) =>
  new Promise<net.Socket>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
