import { type DrainStack, type Obstacle, planObstacles } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';

/** A migration of a drain, as far as the drain cares. */
export interface MigrationSeen {
  id: string;
  stack_id: string;
  status: Status;
  /** Why it went back, or can't. */
  why: Obstacle | null;
  cancel_requested: boolean;
}

/**
 * Brings a stack to where its migration is; whether that changed anything. One that counted as moved or stayed holds no
 * place any more, but what became of it after all is told: rolled back by somebody, or moved by somebody's help.
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
  switch (status) {
    // Until its pre-flight is done, nobody else counts the room that it will take: the next stack has to wait.
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
