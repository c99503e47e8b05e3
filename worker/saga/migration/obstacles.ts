import { isTerminal, type Status } from '../../../schema/migration-status.ts';
import type { Resolution } from '../../../schema/saga.ts';
import type { CoordinatorPorts, MigrationRow } from './ports.ts';
import type { Refusal } from './refusal.ts';
import { isPurged } from './safety-window.ts';

/** Why an operator's request is refused although the record would allow it: what the hosts and other migrations say. */
type Surroundings = Pick<CoordinatorPorts, 'store' | 'hosts'>;

/** The target must be online to be stopped: two copies must never run. */
export async function rollbackObstacle(row: MigrationRow, { store, hosts }: Surroundings): Promise<Refusal | null> {
  if ((await store.homeOf(row.stack_id)) !== row.target_host_id) return movedOn;
  const [source, target] = await Promise.all([row.source_host_id, row.target_host_id].map((id) => hosts.online(id)));
  if (!target)
    return {
      code: 'target_unreachable',
      message: 'The target does not answer and may still run the stack; bring its agent back first.',
    };
  return source ? null : { code: 'host_offline', message: 'The source host does not answer; bring its agent back.' };
}

/** A host that answers cannot be declared lost. */
export async function resolveObstacle(
  row: MigrationRow,
  resolution: Resolution,
  { store, hosts }: Surroundings,
): Promise<Refusal | null> {
  if (resolution === 'give_up') return null;
  const [lost, home] =
    resolution === 'source_lost'
      ? (['source', row.source_host_id] as const)
      : (['target', row.target_host_id] as const);
  if (isTerminal(row.status) && (await store.homeOf(row.stack_id)) !== home) return movedOn;
  if (!(await hosts.online(home))) return null;
  return {
    code: 'host_not_lost',
    message: `The ${lost} host answers, so it is not lost: its agent can stop or start the stack there. Fix what it reports, then retry.`,
  };
}

export async function purgeObstacle(
  row: MigrationRow,
  side: 'source' | 'target',
  { store, hosts }: Surroundings,
): Promise<Refusal | null> {
  const host = side === 'source' ? row.source_host_id : row.target_host_id;
  if (isPurged(row.saga.window, side)) return null;
  if ((await store.homeOf(row.stack_id)) === host)
    return { code: 'migration_superseded', message: 'The stack lives on that host again; nothing of it is deleted.' };
  if (await hosts.online(host)) return null;
  return { code: 'host_offline', message: `The ${side} host does not answer; nothing was deleted. Try again later.` };
}

const movedOn: Refusal = {
  code: 'migration_superseded',
  message: 'The stack has moved on since; roll back its newest migration.',
};
export const hostIsDeleted: Refusal = {
  code: 'host_deleted',
  message: 'One of its hosts was deleted from the fleet, so it cannot be rolled back.',
};
export const anotherRuns: Refusal = {
  code: 'migration_running',
  message: 'Another migration of this stack is under way.',
};

export function cancelRefusal(status: Status): Refusal {
  if (isTerminal(status))
    return { code: 'migration_ended', message: 'The migration has ended; there is nothing left to cancel.' };
  const message =
    status === 'rolling_back'
      ? 'The migration is being rolled back, and a rollback cannot be cancelled; if it fails, the target is put back.'
      : status === 'needs_attention'
        ? 'The migration is already being undone, and waits: `attention` says for what, and how to resolve it.'
        : 'The migration is already being undone.';
  return { code: 'nothing_to_cancel', message };
}
