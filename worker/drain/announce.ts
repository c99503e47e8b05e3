import type { DrainStatus } from '../../schema/drain.ts';
import type { DrainWebhook, DrainWebhookData } from '../../schema/webhook-events.ts';
import { time } from '../views/time.ts';
import type { DrainRow } from './ports.ts';

/** What an end is told as; nothing else of a drain is. An aborted one has failed where something stayed, and only there. */
export const announced: { [S in DrainStatus]?: DrainWebhook } = {
  completed: 'drain.completed',
  failed: 'drain.failed',
  aborted: 'drain.failed',
};

/** `row` as its end leaves it. */
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
      status === 'stayed' && obstacle ? [{ stack: { id, name }, ...obstacle, migration_id }] : [],
    ),
    created_at: time(row.created_at),
    ended_at: time(row.ended_at ?? row.updated_at),
    links: { self: `/api/v1/drains/${row.id}` },
  };
}
