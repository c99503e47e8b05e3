import { limits } from '../schema/limits.ts';

/**
 * A limit on bytes per second, shared by all senders under it. A send may exceed the limit, and the next one waits for
 * it, so frames are never split. Unused allowance is saved for up to `savedMsMax`.
 */
export interface Throttle {
  /** Milliseconds until the next send may begin; 0 for now. */
  waitMs(): number;
  sent(bytes: number): void;
  /** Bytes per second, null for no limit. Takes effect at once, also for the wait already due. */
  setLimit(bytesPerSecond: number | null): void;
}

const savedMsMax = 250;

/** `now`: a monotonic clock in milliseconds. */
export function createThrottle(bytesPerSecond: number | null, now: () => number = () => performance.now()): Throttle {
  let limit = bytesPerSecond;
  /** When the sends so far are within the limit again. */
  let paidAt = now();
  return {
    waitMs: () => (limit === null ? 0 : Math.max(0, Math.ceil(paidAt - now()))),
    sent: (bytes) => {
      if (limit !== null) paidAt = Math.max(paidAt, now() - savedMsMax) + (bytes * 1000) / limit;
    },
    setLimit: (next) => {
      if (next === limit) return;
      const owedMs = Math.max(0, paidAt - now());
      paidAt = now() + (limit === null || next === null ? 0 : (owedMs * limit) / next);
      limit = next;
    },
  };
}

export type Pace = Pick<Throttle, 'waitMs' | 'sent'>;

/** One throttle for each limited migration, and the host's own over all of them. */
export interface Throttles {
  of(migrationId: string): Pace;
  setLimit(migrationId: string, bytesPerSecond: number | null): void;
}

export function createThrottles(hostBytesPerSecond: number | null): Throttles {
  const host = createThrottle(hostBytesPerSecond);
  const bound = new Map<string, Throttle>();
  return {
    of: (migrationId) => ({
      waitMs: () => Math.max(host.waitMs(), bound.get(migrationId)?.waitMs() ?? 0),
      sent: (bytes) => {
        host.sent(bytes);
        bound.get(migrationId)?.sent(bytes);
      },
    }),
    setLimit: (migrationId, bytesPerSecond) => {
      if (bytesPerSecond === null) return void bound.delete(migrationId);
      const known = bound.get(migrationId);
      if (known) return known.setLimit(bytesPerSecond);
      const [oldest] = bound.keys();
      if (oldest !== undefined && bound.size >= limits.stream.throttlesMax) bound.delete(oldest);
      bound.set(migrationId, createThrottle(bytesPerSecond));
    },
  };
}
