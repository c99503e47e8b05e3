import type { TLSSocket } from 'node:tls';
import { limits } from '../../schema/limits.ts';
import type { Dialer, LanePeer } from './reconnect.ts';

/** Connections of lanes that are dialled before the lanes begin. */
export interface EarlyDials {
  /** Hands over what was dialled for the lane, or is being dialled; dials if there is none, or it broke. */
  dial: Dialer;
  /** Begins in the background. A failure is not reported: the lane then dials by itself. */
  begin(role: Role, lane: LanePeer): void;
  /** Closes what no lane has taken: of this migration, or of all with null. */
  hangUp(migrationId: string | null): void;
}

type Role = Parameters<Dialer>[0];

interface Early {
  migrationId: string;
  dialled: Promise<TLSSocket>;
  /** Ends the dial. */
  over: AbortController;
  timer: NodeJS.Timeout;
}

/**
 * Both sides dial early, but need not agree on it: a side that dials late meets the early dial of the other as it would meet
 * a late one. If one side loses a finished connection, the other sees it close, and dials when its lane begins.
 */
export function dialEarly(
  dialer: Dialer,
  bounds: { [K in keyof typeof limits.early]: number } = limits.early,
): EarlyDials {
  const waiting = new Map<string, Early>();
  const keyOf = (role: Role, { migrationId, lane }: LanePeer) => `${role} ${migrationId} ${lane}`;

  const drop = (key: string, early: Early) => {
    if (waiting.get(key) === early) waiting.delete(key);
    clearTimeout(early.timer);
    early.over.abort();
    early.dialled.then((socket) => socket.destroy()).catch(() => {});
  };

  const begin: EarlyDials['begin'] = (role, lane) => {
    const key = keyOf(role, lane);
    if (waiting.has(key) || waiting.size >= bounds.waitingMax) return;
    const over = new AbortController();
    const early: Early = {
      migrationId: lane.migrationId,
      dialled: dialer(role, { ...lane, early: true })(over.signal),
      over,
      timer: setTimeout(() => drop(key, early), bounds.waitMsMax).unref(),
    };
    waiting.set(key, early);
    const forget = () => {
      if (waiting.get(key) === early) drop(key, early);
    };
    early.dialled.then((socket) => {
      socket.setKeepAlive(true, bounds.keepAliveMs);
      socket.once('close', forget);
    }, forget);
  };

  const take = (key: string): Early | undefined => {
    const early = waiting.get(key);
    waiting.delete(key);
    clearTimeout(early?.timer);
    return early;
  };

  return {
    begin,
    dial: (role, lane) => {
      const connect = dialer(role, lane);
      return async (signal, stripe = 0) => {
        const early = stripe === 0 ? take(keyOf(role, lane)) : undefined;
        return (early && (await handOver(early, signal))) ?? connect(signal, stripe);
      };
    },
    hangUp: (migrationId) => {
      for (const [key, early] of [...waiting])
        if (migrationId === null || early.migrationId === migrationId) drop(key, early);
    },
  };
}

/** Null if it broke, or was never made. */
async function handOver({ dialled, over }: Early, signal: AbortSignal): Promise<TLSSocket | null> {
  const leave = () => over.abort(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    const socket = await dialled;
    return socket.destroyed ? null : socket;
  } catch {
    return null;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
