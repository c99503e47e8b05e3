import type { Log } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { isLeased, leasedContainers, tenancyOf } from '../tenancy.ts';
import type { GuardedEngine } from './guard-engine.ts';
import type { LedgerView } from './guard-view.ts';
import type { LeaseClock } from './lease.ts';

export interface GuardWatch {
  /** Checks once and starts stopping what is overdue. Resolves to false once nothing is left to guard. */
  look(): Promise<boolean>;
}

/**
 * Enforces Invariant 1 when the agent is gone: retries stopping everything under a lapsed lease until none of it runs,
 * then keeps checking for as long as the ledger says it may run (a `compose start` may outlive the agent that called
 * it). The ledger belongs to the agent; the guard only reads it.
 */
export function watchLeases(options: {
  view: LedgerView;
  engine: () => Promise<GuardedEngine>;
  clock: LeaseClock;
  log: Log;
  /** True once the agent's service is being stopped: the leases of that moment count no more. */
  ending?: () => boolean;
  bounds?: Partial<Record<'guardGraceMs' | 'guardRecheckMs', number>>;
}): GuardWatch {
  const { view, engine, clock, ending = () => false } = options;
  const bounds = { ...limits.lease, ...options.bounds };
  const attended = new Set<string>();
  const recheckAt = new Map<string, number>();

  const overdue = ({ lease }: LedgerEntry) =>
    lease?.boot_id !== clock.bootId || clock.sinceBootMs() >= lease.ends_at_ms + bounds.guardGraceMs;
  /** Migration id → end of its lease when the service's stop was noticed. A later lease is that of a new agent. */
  let atEnd: Map<string, number> | null = null;
  const isEnded = ({ migration_id, lease }: LedgerEntry) =>
    atEnd !== null && (lease?.ends_at_ms ?? 0) <= (atEnd.get(migration_id) ?? 0);
  const mayNotRun = (entry: LedgerEntry) => entry.started && (isEnded(entry) || overdue(entry));

  /** A completion recorded in the meantime takes precedence: the stack's home is here, so start it again. */
  const undoIfHome = async (migrationId: string, stopped: string[], signal: AbortSignal) => {
    const entry = (await view.look()).find(({ migration_id }) => migration_id === migrationId);
    if (!entry?.started || ['leased', 'retained'].includes(tenancyOf(entry))) return;
    options.log.of(migrationId).warn('the migration was completed meanwhile, starting again', { stopped });
    await (await engine()).start(stopped, signal);
  };

  const attend = async (entry: LedgerEntry): Promise<void> => {
    const { migration_id } = entry;
    const log = options.log.of(migration_id);
    const signal = AbortSignal.timeout(limits.lease.stopGraceMsMax + limits.agent.engineRequestMsMax);
    try {
      const stopped = await (await engine()).stop(leasedContainers(entry), signal);
      recheckAt.set(migration_id, clock.sinceBootMs() + bounds.guardRecheckMs);
      if (stopped.length === 0) return;
      log.warn('a lease ran out and the agent did not stop its containers: stopped', { stopped });
      // Check again without delay that it stays stopped.
      recheckAt.delete(migration_id);
      await undoIfHome(migration_id, stopped, signal);
    } catch (error) {
      log.error('could not stop yet, trying again', { error });
    }
  };

  return {
    look: async () => {
      const leased = (await view.look()).filter(isLeased);
      if (ending()) atEnd ??= new Map(leased.map(({ migration_id, lease }) => [migration_id, lease?.ends_at_ms ?? 0]));
      for (const entry of leased.filter(mayNotRun)) {
        const { migration_id } = entry;
        const quiet = (recheckAt.get(migration_id) ?? 0) > clock.sinceBootMs();
        if (quiet || attended.has(migration_id)) continue;
        attended.add(migration_id);
        void attend(entry).finally(() => attended.delete(migration_id));
      }
      const guarded = leased.filter((entry) => entry.started || !isEnded(entry));
      return guarded.length > 0 || attended.size > 0;
    },
  };
}
