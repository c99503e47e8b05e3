import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Log } from '../../node/log.ts';
import type { AskReply } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { MigrationLedger } from '../migration-ledger.ts';
import { isLeased } from '../tenancy.ts';

/**
 * Enforces Invariant 1: what a migration started on this host runs only while the control plane keeps renewing its
 * lease. When contact is lost for longer than the lease, the agent stops it; only then may the other side start.
 */
export interface LeaseKeeper {
  /** Starts the guard. Without one nothing starts: if this agent were killed, its containers would outlive the lease. */
  standBy(): Promise<void>;
  /** One round trip. Resolves to a signal that aborts when the lease lapses; throws `lease_expired` if refused. */
  granted(migrationId: string): Promise<AbortSignal>;
  /** Both. */
  acquire(migrationId: string): Promise<AbortSignal>;
  /** Returns the signal of a held lease; throws `lease_expired` if it has lapsed or was never held. */
  held(migrationId: string): AbortSignal;
  /** Renews a held lease. Resolves to its earliest possible end by the control plane's clock, null if unknown. */
  renewed(migrationId: string): Promise<number | null>;
  /** Ends a lease that is no longer needed: the migration is completed or stopped. Waits for a stop in progress. */
  release(migrationId: string): Promise<void>;
  /** Milliseconds until the held lease that ends first; null if none is held. */
  msLeft(): number | null;
  /** At the agent's start, resumes the leases of everything that may still run, and stops what is overdue. */
  resume(): void;
  /** Ends all leases when the agent stops, perhaps for good. Resolves once nothing runs under them. */
  giveUp(): Promise<void>;
  close(): void;
}

export interface LeaseClock {
  /** Milliseconds since boot, including time suspended: a host that was paused must not take its lease for fresh. */
  sinceBootMs(): number;
  /** Identifies the boot that `sinceBootMs` counts from. */
  bootId: string;
}

export interface LeaseGuard {
  /** Resolves once a guard watches this agent's ledger; throws if none could be started. */
  ensure(): Promise<void>;
}

interface Lease {
  endsAt: number;
  /** A lower bound of `endsAt` by the control plane's clock; null if this process has not renewed the lease. */
  until: number | null;
  askedAt: number;
  asking: boolean;
  /** The lease is no longer held, so a late reply is ignored. */
  released: boolean;
  lapsed: AbortController;
  stopping: Promise<void> | null;
}

export interface LeaseOptions {
  /** Asks the control plane; throws if there is no reply. */
  ask: (migrationId: string) => Promise<AskReply<'lease'>>;
  /** Stops what the migration started; resolves only once none of it runs. */
  stopStarted: (migrationId: string) => Promise<void>;
  ledger: MigrationLedger;
  log: Log;
  /** Outlives this agent and stops whatever runs under a lapsed lease in its place. */
  guard?: LeaseGuard;
  clock?: LeaseClock;
  bounds?: Partial<Record<keyof typeof limits.lease, number>>;
}

export function createLeaseKeeper(options: LeaseOptions): LeaseKeeper {
  return new Keeper(options);
}

class Keeper implements LeaseKeeper {
  readonly #options: LeaseOptions;
  readonly #clock: LeaseClock;
  readonly #bounds: Record<keyof typeof limits.lease, number>;
  readonly #leases = new Map<string, Lease>();
  readonly #timer: NodeJS.Timeout;
  #givenUp = false;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock();
    this.#bounds = { ...limits.lease, ...options.bounds };
    this.#timer = setInterval(() => this.#look(), this.#bounds.checkIntervalMs);
    this.#timer.unref();
  }

  async standBy(): Promise<void> {
    await this.#options.guard?.ensure();
  }

  async acquire(migrationId: string): Promise<AbortSignal> {
    const [lapsed] = await Promise.all([this.granted(migrationId), this.standBy()]);
    return lapsed;
  }

  async granted(migrationId: string): Promise<AbortSignal> {
    const current = this.#leases.get(migrationId);
    if (current && !current.lapsed.signal.aborted) {
      await this.#renew(migrationId, current);
      return heldOf(current);
    }
    await this.release(migrationId);
    const lease = freshLease(Number.NEGATIVE_INFINITY);
    await this.#renew(migrationId, lease);
    if (lease.endsAt <= this.#clock.sinceBootMs()) {
      await lease.stopping;
      throw new StackferryError('lease_expired', 'The control plane granted no lease to start the stack here.');
    }
    this.#leases.set(migrationId, lease);
    return lease.lapsed.signal;
  }

  held(migrationId: string): AbortSignal {
    return heldOf(this.#leaseOf(migrationId));
  }

  async renewed(migrationId: string): Promise<number | null> {
    const lease = this.#leaseOf(migrationId);
    await this.#renew(migrationId, lease);
    heldOf(lease);
    return lease.until;
  }

  async release(migrationId: string): Promise<void> {
    const lease = this.#leases.get(migrationId);
    this.#leases.delete(migrationId);
    if (lease) lease.released = true;
    await lease?.stopping;
  }

  msLeft(): number | null {
    const held = [...this.#leases.values()].filter(({ lapsed }) => !lapsed.signal.aborted);
    if (held.length === 0) return null;
    return Math.max(0, Math.min(...held.map(({ endsAt }) => endsAt)) - this.#clock.sinceBootMs());
  }

  resume(): void {
    for (const entry of this.#options.ledger.all()) {
      if (!isLeased(entry)) continue;
      const { migration_id, lease } = entry;
      // What ran under a lease of an earlier boot ended with that boot; anything that runs now has no lease.
      const endsAt = lease?.boot_id === this.#clock.bootId ? lease.ends_at_ms : Number.NEGATIVE_INFINITY;
      this.#leases.set(migration_id, freshLease(endsAt));
    }
    this.#look();
  }

  async giveUp(): Promise<void> {
    this.#givenUp = true;
    const leased = this.#options.ledger.all().filter(isLeased);
    await Promise.all(leased.map(({ migration_id }) => this.#giveUpOne(migration_id)));
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #leaseOf(migrationId: string): Lease {
    const lease = this.#leases.get(migrationId);
    if (!lease) throw new StackferryError('lease_expired', 'This host holds no lease for this migration.');
    return lease;
  }

  #look(): void {
    const { guard, log } = this.#options;
    const now = this.#clock.sinceBootMs();
    for (const [migrationId, lease] of this.#leases) {
      if (lease.lapsed.signal.aborted) continue;
      if (now >= lease.endsAt) this.#lapse(migrationId, lease, 'no contact with the control plane for too long');
      else if (!lease.asking && now - lease.askedAt >= this.#bounds.renewIntervalMs) {
        void this.#renew(migrationId, lease);
        guard?.ensure().catch((error) => log.of(migrationId).error('the lease has no guard', { error }));
      }
    }
  }

  async #renew(migrationId: string, lease: Lease): Promise<void> {
    const { ask, ledger, log } = this.#options;
    lease.asking = true;
    // The lease counts from the request, since the reply may have been slow.
    const askedAt = this.#clock.sinceBootMs();
    lease.askedAt = askedAt;
    try {
      const { granted, lease_ms, granted_at } = await ask(migrationId);
      const travelMs = this.#clock.sinceBootMs() - askedAt;
      if (this.#givenUp || lease.released || lease.lapsed.signal.aborted) return;
      if (!granted) {
        this.#lapse(migrationId, lease, 'the control plane refused to renew it');
        return;
      }
      const lastsMs = Math.min(lease_ms, this.#bounds.leaseMs);
      await ledger.amend(migrationId, (entry) => {
        entry.lease = { boot_id: this.#clock.bootId, ends_at_ms: askedAt + lastsMs };
      });
      lease.endsAt = Math.max(lease.endsAt, askedAt + lastsMs);
      // The request was sent at most `travelMs` before the grant.
      const until = granted_at === undefined ? null : granted_at + lastsMs - travelMs;
      if (until !== null) lease.until = Math.max(lease.until ?? 0, Math.floor(until));
    } catch (error) {
      log.of(migrationId).warn('the lease could not be renewed', { error });
    } finally {
      lease.asking = false;
    }
  }

  #lapse(migrationId: string, lease: Lease, why: string): void {
    if (lease.released || lease.lapsed.signal.aborted) return;
    this.#options.log.of(migrationId).warn(`lease lapsed, stopping what this migration started: ${why}`);
    lease.lapsed.abort(new StackferryError('lease_expired', `This host's lease has lapsed: ${why}.`));
    lease.stopping = this.#stopUntilDone(migrationId);
  }

  /** Retries without limit: the other side starts in reliance on this stop. */
  async #stopUntilDone(migrationId: string): Promise<void> {
    const { stopStarted, ledger } = this.#options;
    const log = this.#options.log.of(migrationId);
    while (!this.#closed) {
      try {
        await stopStarted(migrationId);
        await ledger.amend(migrationId, (entry) => {
          entry.started = false;
        });
        log.info('what this migration started is stopped');
        return;
      } catch (error) {
        log.error('could not stop yet, trying again', { error });
        await new Promise((resolve) => setTimeout(resolve, limits.agent.stopRetryMs).unref());
      }
    }
  }

  /** Runs even for a lapsed lease: a command may have started something since. */
  async #giveUpOne(migrationId: string): Promise<void> {
    const { ledger, log } = this.#options;
    const lease = this.#leases.get(migrationId) ?? freshLease(Number.NEGATIVE_INFINITY);
    this.#leases.set(migrationId, lease);
    const { stopping } = lease;
    if (stopping) lease.stopping = stopping.then(() => this.#stopUntilDone(migrationId));
    else this.#lapse(migrationId, lease, 'the agent was stopped');
    // The next agent must not take this lease for one that it holds.
    const over = ledger.amend(migrationId, (entry) => {
      entry.lease = null;
    });
    over.catch((error) => log.of(migrationId).error('the end of the lease could not be recorded', { error }));
    await lease.stopping;
  }
}

const freshLease = (endsAt: number): Lease => ({
  endsAt,
  until: null,
  askedAt: Number.NEGATIVE_INFINITY,
  asking: false,
  released: false,
  lapsed: new AbortController(),
  stopping: null,
});

function heldOf(lease: Lease): AbortSignal {
  lease.lapsed.signal.throwIfAborted();
  return lease.lapsed.signal;
}

export function systemClock(): LeaseClock {
  return { sinceBootMs: () => uptime() * 1000, bootId: readBootId() };
}

/** Without a boot id, every start counts as a new boot: containers are stopped rather than trusted. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `unknown-${process.pid}-${Date.now()}`;
  }
}
