import type { DrainStatus } from '../../../schema/drain.ts';
import type { DrainWebhook, DrainWebhookData } from '../../../schema/webhook-events.ts';
import { time } from '../../time.ts';
import type { DrainRow } from './ports.ts';

/**
 * The webhook of each end; a drain announces nothing else. An aborted drain goes by whether stacks stayed: without any
 * it ends as `completed`.
 */
export const announced: { [S in DrainStatus]?: DrainWebhook } = {
  completed: 'drain.completed',
  failed: 'drain.failed',
  aborted: 'drain.failed',
};

/** `row` is the row after the end. */
export function drainData(row: DrainRow, names: ReadonlyMap<string, string>): DrainWebhookData {
  const named = (id: string) => ({ id, name: names.get(id) ?? id });
  const { stacks } = row.run;
  return {
    id: row.id,
    host: named(row.host_id),
    moved: stacks.flatMap(({ id, name, status, target, migration_id }) =>
      status === 'moved' && target && migration_id
        ? [{ stack: { id, name }, target: named(target), migration_id }]
        : [],
    ),
    stayed: stacks.flatMap(({ id, name, status, obstacle, migration_id }) =>
      status === 'stayed' && obstacle
        ? [{ stack: { id, name }, code: obstacle.code, message: obstacle.message, migration_id }]
        : [],
    ),
    created_at: time(row.created_at),
    ended_at: time(row.ended_at ?? row.updated_at),
    links: { self: `/api/v1/drains/${row.id}` },
  };
}
