import type net from 'node:net';

/** Connections that agents offer as the way on, for a tunnel that dials. Only the latest counts. */
export interface Offers {
  offer(socket: net.Socket): void;
  dial(signal: AbortSignal): Promise<net.Socket>;
  /** Breaks what was offered: that agent is not the one any more. */
  cut(): void;
}

export function createOffers(): Offers {
  let latest: net.Socket | null = null;
  let isTaken = false;
  let wanted: ((socket: net.Socket) => void) | null = null;
  const cut = () => {
    latest?.destroy();
    latest = null;
  };
  const take = () => {
    if (!latest || isTaken || latest.destroyed) return null;
    isTaken = true;
    return latest;
  };
  return {
    cut,
    offer: (socket) => {
      cut();
      latest = socket;
      isTaken = false;
      if (!wanted) return;
      isTaken = true;
      wanted(socket);
    },
    dial: (signal) =>
      new Promise((resolve, reject) => {
        const there = take();
        if (there) return resolve(there);
        const settle = (act: () => void) => {
          signal.removeEventListener('abort', abort);
          wanted = null;
          act();
        };
        const abort = () => settle(() => reject(signal.reason));
        signal.addEventListener('abort', abort, { once: true });
        wanted = (socket) => settle(() => resolve(socket));
        if (signal.aborted) abort();
      }),
  };
}
