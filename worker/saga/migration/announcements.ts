import { isStep, type Status } from '../../../schema/migration-status.ts';
import type { MigrationWebhook, MigrationWebhookData } from '../../../schema/webhook-events.ts';
import { time, timeOrNull } from '../../time.ts';
import type { MigrationRow } from './ports.ts';
import type { Transition } from './transition.ts';

/**
 * Returns the webhook events of a transition. Pure, so the store and the simulation agree. Each terminal state is
 * announced once: a failed rollback returns to `completed`, which was announced when the migration first reached it.
 * Where clients should go changes with `completed` and `rolled_back`, so each comes with a `cutover`;
 * so does the way back to the target of a source that was lost after a rollback.
 */
export function announcements(
  before: Status,
  { saga, events }: Pick<Transition, 'saga' | 'events'>,
): MigrationWebhook[] {
  const types: MigrationWebhook[] = events.some(({ kind }) => kind === 'cleanup_due') ? ['migration.cleanup_due'] : [];
  // It holds on, without the cutover that was wanted.
  if (events.some(({ data }) => data.called_off)) types.push('migration.holding');
  if (saga.status === before) return types;
  const type = announced[saga.status]?.(before);
  if (type) types.push(type);
  const isMoved = type === 'migration.completed' || type === 'migration.rolled_back';
  if (isMoved || events.some(({ data }) => data.clients_move)) types.push('migration.cutover');
  return types;
}

const announced: { [S in Status]?: (before: Status) => MigrationWebhook | null } = {
  // Announced after the pre-flight: a migration refused there only fails.
  preparing: () => 'migration.started',
  holding: () => 'migration.holding',
  completed: (before) => (isStep(before) ? 'migration.completed' : null),
  failed: () => 'migration.failed',
  cancelled: () => 'migration.cancelled',
  // Not from `needs_attention`: that migration announced its rollback before it needed attention.
  rolled_back: (before) => (before === 'rolling_back' ? 'migration.rolled_back' : null),
  needs_attention: () => 'migration.needs_attention',
};

/** `row` is the row after the transition. Omits the log tail, which may hold host data. */
export function migrationData(row: MigrationRow, names: ReadonlyMap<string, string>): MigrationWebhookData {
  const named = (id: string) => ({ id, name: names.get(id) ?? id });
  const { failure, window, attention } = row.saga;
  const home = row.status === 'completed' ? row.target_host_id : row.source_host_id;
  const isDecided = row.status === 'completed' || row.status === 'rolled_back';
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
    still_coming_per_minute: row.saga.forwarding?.last_per_minute ?? null,
    clients_use: isDecided ? named(home) : null,
    links: { self: `/api/v1/migrations/${row.id}` },
  };
}
