import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { AskReply } from '../schema/agent-protocol.ts';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import type { Log } from './log.ts';
import { isLeased, type MigrationLedger } from './migration-ledger.ts';

/**
 * Invariant 1 on the target: what a migration started here runs only while the control plane, asked again and again,
 * gives leave. Out of contact for longer than the lease, the agent stops it, and only then may the source start.
 */
export interface LeaseKeeper {
  /** A guard watches from now on: `acquire` need not wait for its start. */
  standBy(): Promise<void>;
  /** One round trip. Resolves to a signal that is aborted when the lease lapses; throws `lease_expired` where it is not granted. */
  acquire(migrationId: string): Promise<AbortSignal>;
  /** The signal of a lease that is held; throws `lease_expired` where it has lapsed or was never held. */
  held(migrationId: string): AbortSignal;
  /**
   * Renews a held lease. Resolves to when it ends at the earliest, by the control plane's clock: what runs under it runs
   * until then. Null where that is not known.
   */
  renewed(migrationId: string): Promise<number | null>;
  /** No longer needed: the migration is completed, or stopped. Waits for a stop that is under way. */
  release(migrationId: string): Promise<void>;
  /** At the agent's start: takes up the leases of what may still run, stopping at once what is overdue. */
  resume(): void;
  /** The agent ends, perhaps for good: resolves when nothing runs under its leases, which are over. */
  giveUp(): Promise<void>;
  close(): void;
}

export interface LeaseClock {
  /** Milliseconds since the machine's start, suspended time included: a paused host must not think its lease fresh. */
  sinceBootMs(): number;
  /** Tells one boot from another, since `sinceBootMs` starts anew. */
  bootId: string;
}

export interface LeaseGuard {
  /** Resolves when a guard watches this agent's ledger; throws where none could be started. */
  ensure(): Promise<void>;
}

interface Lease {
  endsAt: number;
  /** The same moment by the control plane's clock, or earlier; null where the lease was not renewed by this process. */
  until: number | null;
  askedAt: number;
  asking: boolean;
  /** Nobody holds it any more, so a late answer about it means nothing. */
  released: boolean;
  lapsed: AbortController;
  stopping: Promise<void> | null;
}

export function createLeaseKeeper(options: {
  /** Asks the control plane; throws where there is no answer. */
  ask: (migrationId: string) => Promise<AskReply<'lease'>>;
  /** Stops what the migration started; resolves only when none of it runs. */
  stopStarted: (migrationId: string) => Promise<void>;
  ledger: MigrationLedger;
  log: Log;
  /** Outlives this agent, and ends in its place what runs without leave. */
  guard?: LeaseGuard;
  clock?: LeaseClock;
  bounds?: Partial<Record<keyof typeof limits.lease, number>>;
}): LeaseKeeper {
  const { ask, stopStarted, ledger, log, guard } = options;
  const clock = options.clock ?? systemClock();
  const bounds = { ...limits.lease, ...options.bounds };
  const leases = new Map<string, Lease>();
  let givenUp = false;
  let closed = false;

  const renew = async (migrationId: string, lease: Lease): Promise<void> => {
    lease.asking = true;
    // Counted from the question, since the answer may have travelled long.
    const askedAt = clock.sinceBootMs();
    lease.askedAt = askedAt;
    try {
      const { granted, lease_ms, granted_at } = await ask(migrationId);
      const travelMs = clock.sinceBootMs() - askedAt;
      if (givenUp || lease.released || lease.lapsed.signal.aborted) return;
      if (!granted) return lapse(migrationId, lease, 'the control plane no longer gives leave');
      const endsAt = askedAt + Math.min(lease_ms, bounds.leaseMs);
      await ledger.amend(migrationId, (entry) => {
        entry.lease = { boot_id: clock.bootId, ends_at_ms: endsAt };
      });
      lease.endsAt = Math.max(lease.endsAt, endsAt);
      // It was asked for at most `travelMs` before it was granted.
      const until = granted_at === undefined ? null : granted_at + Math.min(lease_ms, bounds.leaseMs) - travelMs;
      if (until !== null) lease.until = Math.max(lease.until ?? 0, Math.floor(until));
    } catch (error) {
      log.of(migrationId).warn('the lease could not be renewed', { error });
    } finally {
      lease.asking = false;
    }
  };

  const lapse = (migrationId: string, lease: Lease, why: string): void => {
    if (lease.released || lease.lapsed.signal.aborted) return;
    log.of(migrationId).warn(`lease lapsed, stopping what this migration started: ${why}`);
    lease.lapsed.abort(new StackferryError('lease_expired', `The target's lease has lapsed: ${why}.`));
    lease.stopping = stopUntilDone(migrationId);
  };

  /** There is no giving up: the source may start on the strength of this. */
  const stopUntilDone = async (migrationId: string): Promise<void> => {
    while (!closed) {
      try {
        await stopStarted(migrationId);
        await ledger.amend(migrationId, (entry) => {
          entry.started = false;
        });
        log.of(migrationId).info('what this migration started is stopped');
        return;
      } catch (error) {
        log.of(migrationId).error('could not stop yet, trying again', { error });
        await new Promise((resolve) => setTimeout(resolve, limits.agent.stopRetryMs).unref());
      }
    }
  };

  /** Also where it has lapsed already: a command may have started something since. */
  const giveUpOne = async (migrationId: string): Promise<void> => {
    const lease = leases.get(migrationId) ?? fresh(Number.NEGATIVE_INFINITY);
    leases.set(migrationId, lease);
    const { stopping } = lease;
    if (stopping) lease.stopping = stopping.then(() => stopUntilDone(migrationId));
    else lapse(migrationId, lease, 'the agent was stopped');
    // The next agent must not take it for one that it holds.
    const over = ledger.amend(migrationId, (entry) => {
      entry.lease = null;
    });
    over.catch((error) => log.of(migrationId).error('the end of the lease could not be recorded', { error }));
    await lease.stopping;
  };

  const look = () => {
    const now = clock.sinceBootMs();
    for (const [migrationId, lease] of leases) {
      if (lease.lapsed.signal.aborted) continue;
      if (now >= lease.endsAt) lapse(migrationId, lease, 'no contact with the control plane for too long');
      else if (!lease.asking && now - lease.askedAt >= bounds.renewIntervalMs) {
        void renew(migrationId, lease);
        guard?.ensure().catch((error) => log.of(migrationId).error('nobody guards the lease', { error }));
      }
    }
  };
  const timer = setInterval(look, bounds.checkIntervalMs);
  timer.unref();

  const fresh = (endsAt: number): Lease => ({
    endsAt,
    until: null,
    askedAt: Number.NEGATIVE_INFINITY,
    asking: false,
    released: false,
    lapsed: new AbortController(),
    stopping: null,
  });

  const release = async (migrationId: string) => {
    const lease = leases.get(migrationId);
    leases.delete(migrationId);
    if (lease) lease.released = true;
    await lease?.stopping;
  };

  return {
    standBy: async () => guard?.ensure(),
    acquire: async (migrationId) => {
      // Nothing starts unguarded: were this agent killed, its containers would outlive the lease.
      const current = leases.get(migrationId);
      if (current && !current.lapsed.signal.aborted) {
        await Promise.all([guard?.ensure(), renew(migrationId, current)]);
        return heldOf(current);
      }
      await release(migrationId);
      const lease = fresh(Number.NEGATIVE_INFINITY);
      await Promise.all([guard?.ensure(), renew(migrationId, lease)]);
      if (lease.endsAt <= clock.sinceBootMs()) {
        await lease.stopping;
        throw new StackferryError('lease_expired', 'The control plane gave no leave to start the stack here.');
      }
      leases.set(migrationId, lease);
      return lease.lapsed.signal;
    },
    held: (migrationId) => {
      const lease = leases.get(migrationId);
      if (!lease) throw new StackferryError('lease_expired', 'The target holds no lease for this migration.');
      return heldOf(lease);
    },
    renewed: async (migrationId) => {
      const lease = leases.get(migrationId);
      if (!lease) throw new StackferryError('lease_expired', 'The target holds no lease for this migration.');
      await renew(migrationId, lease);
      heldOf(lease);
      return lease.until;
    },
    release,
    resume: () => {
      for (const entry of ledger.all()) {
        if (!isLeased(entry)) continue;
        const { migration_id, lease } = entry;
        // What a lease of an earlier boot allowed went down with that boot; should anything run, it has no leave.
        const endsAt = lease?.boot_id === clock.bootId ? lease.ends_at_ms : Number.NEGATIVE_INFINITY;
        leases.set(migration_id, fresh(endsAt));
      }
      look();
    },
    giveUp: async () => {
      givenUp = true;
      await Promise.all(
        ledger
          .all()
          .filter(isLeased)
          .map(({ migration_id }) => giveUpOne(migration_id)),
      );
    },
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}

function heldOf(lease: Lease): AbortSignal {
  lease.lapsed.signal.throwIfAborted();
  return lease.lapsed.signal;
}

export function systemClock(): LeaseClock {
  return { sinceBootMs: () => uptime() * 1000, bootId: readBootId() };
}

/** Where there is no boot id every start counts as a new boot: what runs is stopped rather than trusted. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `unknown-${process.pid}-${Date.now()}`;
  }
}
