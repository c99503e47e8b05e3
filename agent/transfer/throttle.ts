import { limits } from '../../schema/limits.ts';

/**
 * A bound on bytes per second, shared by all that send under it. What is over the bound is sent and paid for afterwards,
 * so a frame is never cut; what was not used is saved up to `savedMsMax`.
 */
export interface Throttle {
  /** Milliseconds until the next send may begin; 0 for now. */
  waitMs(): number;
  sent(bytes: number): void;
  /** Bytes per second, null for no bound. Takes effect at once, for what is owed already too. */
  setLimit(bytesPerSecond: number | null): void;
}

const savedMsMax = 250;

/** `now`: a monotonic clock in milliseconds. */
export function createThrottle(bytesPerSecond: number | null, now: () => number = () => performance.now()): Throttle {
  let limit = bytesPerSecond;
  /** When all that was sent is paid for. */
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

/** What a sender has to do with it. */
export type Pace = Pick<Throttle, 'waitMs' | 'sent'>;

/** One for each migration that has a bound, and the host's own over all of them. */
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
