import type { Log } from '../../node/log.ts';
import { type ForwardedPort, forwardLane } from '../../schema/forwarding.ts';
import type { Dialer } from '../transfer/reconnect.ts';
import { sleepingAt } from './expiry.ts';
import type { keepTunnelTarget } from './tunnel-target.ts';

export interface ReceiveWay {
  peer: string;
  ports: ForwardedPort[];
  /** When it ends by itself, by this host's clock. */
  until_ms: number;
}

export interface Receiver {
  /** Replaces an earlier one of the same migration. */
  start(migrationId: string, way: ReceiveWay): void;
  stop(migrationId: string): void;
  stopAll(): void;
}

/** The target's end of the ways on: connects what sources pass on to ports of this host. */
export function createReceiver(options: {
  dialer: Dialer;
  log: Log;
  keepTarget: typeof keepTunnelTarget;
  now: () => number;
  /** Its time has come, or the source can never be reached again. */
  onOver: (migrationId: string) => void;
}): Receiver {
  const open = new Map<string, { over: AbortController; expiry: NodeJS.Timeout }>();

  const stop = (migrationId: string) => {
    const received = open.get(migrationId);
    open.delete(migrationId);
    clearTimeout(received?.expiry);
    received?.over.abort();
  };

  return {
    start: (migrationId, { peer, ports, until_ms }) => {
      stop(migrationId);
      const log = options.log.of(migrationId);
      const over = new AbortController();
      const expiry = sleepingAt(until_ms - options.now(), () => options.onOver(migrationId));
      open.set(migrationId, { over, expiry });
      const dial = options.dialer('target', { migrationId, peer, lane: forwardLane });
      const onInterrupted = (error: unknown) => log.info('the source is not connected', { error });
      options.keepTarget({ dial, onInterrupted, signal: over.signal }, { ports, log }).catch((error) => {
        log.warn('no connections are received any more', { error });
        options.onOver(migrationId);
      });
    },
    stop,
    stopAll: () => {
      for (const migrationId of [...open.keys()]) stop(migrationId);
    },
  };
}
