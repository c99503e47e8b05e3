import type { z } from 'zod';
import type { stackView } from '../../schema/api/stacks.ts';
import { timeOfId } from '../../schema/ids.ts';
import { isHeard } from '../store/nodes.ts';
import type { ListedStack } from '../store/stacks.ts';
import { time } from '../time.ts';

export function viewStack(listed: ListedStack, now: number): z.infer<typeof stackView> {
  const { stack, host_name, host_seen_at, moved_id } = listed;
  return {
    id: stack.id,
    name: stack.name,
    host_id: stack.home_id,
    host_name,
    host_online: isHeard({ seen_at: host_seen_at }, now),
    seen_at: time(stack.seen_at),
    summary: stack.summary,
    active_migration_id: listed.active_migration_id,
    active_migration_status: listed.active_migration_status,
    moved_at: moved_id === null ? null : time(timeOfId(moved_id)),
    data_bytes: listed.data_bytes,
  };
}
