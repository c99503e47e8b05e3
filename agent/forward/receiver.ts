import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../node/log.ts';
import { type ForwardedPort, forwardLane } from '../../schema/forwarding.ts';
import type { Dialer } from '../transfer/reconnect.ts';
import { actAt, type Expiry } from './expiry.ts';
import type { keepTunnelTarget } from './tunnel-target.ts';

export interface ReceiveWay {
  peer: string;
  ports: ForwardedPort[];
  /** When it ends by itself, by this host's clock. */
  until_ms: number;
}

export interface Receiver {
  /** Replaces an earlier one of the same migration, unless it is the same. */
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
  isHere: (migrationId: string) => boolean;
  /** Its time has come, or the source can never be reached again. */
  onOver: (migrationId: string) => void;
}): Receiver {
  const open = new Map<string, { way: ReceiveWay; over: AbortController; expiry: Expiry }>();

  const stop = (migrationId: string) => {
    const received = open.get(migrationId);
    open.delete(migrationId);
    received?.expiry.cancel();
    received?.over.abort();
  };

  return {
    start: (migrationId, way) => {
      // What it passes on already is not cut.
      if (isDeepStrictEqual(open.get(migrationId)?.way, way)) return;
      stop(migrationId);
      const { peer, ports, until_ms } = way;
      const log = options.log.of(migrationId);
      const over = new AbortController();
      const expiry = actAt(until_ms, () => options.onOver(migrationId), options.now);
      open.set(migrationId, { way, over, expiry });
      const dial = options.dialer('target', { migrationId, peer, lane: forwardLane });
      const onInterrupted = (error: unknown) => log.info('the source is not connected', { error });
      options
        .keepTarget(
          { dial, onInterrupted, signal: over.signal },
          { ports, log, isHere: () => options.isHere(migrationId) },
        )
        .catch((error) => {
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
