import { type DrainStack, type Obstacle, planObstacles } from '../../../schema/drain.ts';
import { limits } from '../../../schema/limits.ts';
import { isTerminal, type Status } from '../../../schema/migration-status.ts';

/** The part of a migration that a drain needs. */
export interface MigrationSeen {
  id: string;
  stack_id: string;
  status: Status;
  /** Why it was undone or is stuck. */
  why: Obstacle | null;
  cancel_requested: boolean;
}

/**
 * Updates a stack from its migration; returns true if it changed. A stack that moved or stayed no longer takes a place
 * in the drain, but a later end of its migration is still recorded, for example a rollback.
 */
export function settle(stack: DrainStack, migrations: readonly MigrationSeen[], now: number): boolean {
  const migration = migrations.find(({ stack_id }) => stack_id === stack.id);
  if (!migration || stack.status === 'waiting' || stack.status === 'gone') return false;
  if ((stack.status === 'moved' || stack.status === 'stayed') && !isTerminal(migration.status)) return false;
  const before = JSON.stringify(stack);
  stack.migration_id = migration.id;
  const next = statusOf(stack, migration, now);
  stack.obstacle = next === 'stayed' ? obstacleOf(migration) : null;
  if (next !== stack.status) Object.assign(stack, { status: next, since: now });
  return JSON.stringify(stack) !== before;
}

function statusOf(stack: DrainStack, { status }: MigrationSeen, now: number): DrainStack['status'] {
  stack.stuck_since = status === 'needs_attention' ? (stack.stuck_since ?? now) : null;
  if (status === 'holding') stack.holds = true;
  else delete stack.holds;
  switch (status) {
    // Its room is reserved only after the pre-flight, so the next stack has to wait.
    case 'preflight':
      return 'starting';
    case 'completed':
      return 'moved';
    case 'failed':
    case 'cancelled':
    case 'rolled_back':
      return 'stayed';
    case 'needs_attention':
      return now - (stack.stuck_since ?? now) < limits.drain.attentionMsMax ? 'moving' : 'stayed';
    default:
      return 'moving';
  }
}

function obstacleOf({ status, why }: MigrationSeen): Obstacle {
  if (status === 'cancelled') return { code: 'cancelled', message: 'Its migration was cancelled.' };
  if (status === 'rolled_back') return { code: planObstacles.rolled_back, message: 'It was rolled back.' };
  if (status !== 'needs_attention') return why ?? { code: 'command_failed', message: 'Its migration failed.' };
  const message = `Its migration needs attention: ${why?.message ?? 'see there.'}`;
  return { code: planObstacles.needs_attention, message };
}
