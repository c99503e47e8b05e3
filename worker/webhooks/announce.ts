import { isStep, type Status } from '../../schema/migration-status.ts';
import type { MigrationWebhook, MigrationWebhookData } from '../../schema/webhook-events.ts';
import type { MigrationRow } from '../migration/ports.ts';
import type { Transition } from '../migration/turn.ts';
import { time, timeOrNull } from '../views/time.ts';

/**
 * What a transition owes its receivers: pure, so that the store and the simulation say the same. Each terminal state is
 * told of once: a rollback that failed comes back to `completed`, which was announced when the migration got there.
 */
export function announcements(before: Status, { saga, events }: Transition): MigrationWebhook[] {
  const told: MigrationWebhook[] = events.some(({ kind }) => kind === 'cleanup_due') ? ['migration.cleanup_due'] : [];
  if (saga.status === before) return told;
  const type = announced[saga.status]?.(before);
  return type ? [...told, type] : told;
}

const announced: { [S in Status]?: (before: Status) => MigrationWebhook | null } = {
  // Past the pre-flight: a migration that is refused there only fails.
  preparing: () => 'migration.started',
  completed: (before) => (isStep(before) ? 'migration.completed' : null),
  failed: () => 'migration.failed',
  cancelled: () => 'migration.cancelled',
  // From `needs_attention` too, where it was announced before a person was asked about its host.
  rolled_back: (before) => (before === 'rolling_back' ? 'migration.rolled_back' : null),
  needs_attention: () => 'migration.needs_attention',
};

/** `row` as the transition leaves it. Without the log tail, which is the hosts' own. */
export function migrationData(row: MigrationRow, names: ReadonlyMap<string, string>): MigrationWebhookData {
  const named = (id: string) => ({ id, name: names.get(id) ?? id });
  const { failure, window, attention } = row.saga;
  return {
    id: row.id,
    stack: { id: row.stack_id, name: row.stack_name },
    source: named(row.source_host_id),
    target: named(row.target_host_id),
    mode: row.mode,
    status: row.status,
    created_at: time(row.created_at),
    ended_at: timeOrNull(row.ended_at),
    failure: failure && { step: failure.step, code: failure.code, message: failure.message },
    attention,
    window_ends_at: timeOrNull(window?.ends_at),
    links: { self: `/api/v1/migrations/${row.id}` },
  };
}
