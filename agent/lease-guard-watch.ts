import { limits } from '../schema/limits.ts';
import type { LeaseClock } from './lease.ts';
import type { GuardedEngine } from './lease-guard-engine.ts';
import type { LedgerView } from './lease-guard-view.ts';
import type { Log } from './log.ts';
import { isLeased, type LedgerEntry, leasedContainers } from './migration-ledger.ts';

export interface GuardWatch {
  /** Looks once, and sets to work what has to stop. Resolves to whether there is anything left to guard. */
  look(): Promise<boolean>;
}

/**
 * Invariant 1 where the agent is gone: what runs under a lease that has run out is stopped, again and again until none
 * of it runs, and then looked at as long as the ledger says that it may run (a `compose start` may outlive the agent that
 * called it). The ledger is the agent's: the guard only reads it.
 */
export function watchLeases(options: {
  view: LedgerView;
  engine: () => Promise<GuardedEngine>;
  clock: LeaseClock;
  log: Log;
  /** The agent's service is being stopped: no lease counts any more. */
  ending?: () => boolean;
  bounds?: Partial<Record<'guardGraceMs' | 'guardRecheckMs', number>>;
}): GuardWatch {
  const { view, engine, clock, ending = () => false } = options;
  const bounds = { ...limits.lease, ...options.bounds };
  const attended = new Set<string>();
  const quietUntil = new Map<string, number>();

  const overdue = ({ lease }: LedgerEntry) =>
    lease?.boot_id !== clock.bootId || clock.sinceBootMs() >= lease.ends_at_ms + bounds.guardGraceMs;
  const hasNoLeave = (entry: LedgerEntry) => isLeased(entry) && entry.started && (ending() || overdue(entry));

  /** A completion that was recorded meanwhile has the last word: the stack's home is here, and it was just stopped. */
  const undoIfHome = async (migrationId: string, stopped: string[], signal: AbortSignal) => {
    const entry = (await view.look()).find(({ migration_id }) => migration_id === migrationId);
    if (!entry?.started || entry.halted || isLeased(entry)) return;
    options.log.of(migrationId).warn('the migration was completed meanwhile, starting again', { stopped });
    await (await engine()).start(stopped, signal);
  };

  const attend = async (entry: LedgerEntry): Promise<void> => {
    const { migration_id } = entry;
    const log = options.log.of(migration_id);
    const signal = AbortSignal.timeout(limits.lease.stopGraceMsMax + limits.agent.engineRequestMsMax);
    try {
      const stopped = await (await engine()).stop(leasedContainers(entry), signal);
      quietUntil.set(migration_id, clock.sinceBootMs() + bounds.guardRecheckMs);
      if (stopped.length === 0) return;
      log.warn('a lease ran out and nobody stopped what it allowed: stopped', { stopped });
      // Whether it stays so is looked at without delay.
      quietUntil.delete(migration_id);
      await undoIfHome(migration_id, stopped, signal);
    } catch (error) {
      log.error('could not stop yet, trying again', { error });
    }
  };

  return {
    look: async () => {
      const leased = (await view.look()).filter(isLeased);
      for (const entry of leased.filter(hasNoLeave)) {
        const { migration_id } = entry;
        const quiet = (quietUntil.get(migration_id) ?? 0) > clock.sinceBootMs();
        if (quiet || attended.has(migration_id)) continue;
        attended.add(migration_id);
        void attend(entry).finally(() => attended.delete(migration_id));
      }
      const guarded = ending() ? leased.filter(({ started }) => started) : leased;
      return guarded.length > 0 || attended.size > 0;
    },
  };
}
