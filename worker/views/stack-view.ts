import type { z } from 'zod';
import type { stackView } from '../../schema/api/stacks.ts';
import { timeOfId } from '../../schema/ids.ts';
import type { ListedStack } from '../store/stacks.ts';
import { time } from '../time.ts';

/** `reportedAt`: the last inventory of its host, if that was asked. */
export function viewStack(
  listed: ListedStack,
  now: number,
  reportedAt: number | null = null,
): z.infer<typeof stackView> {
  const { stack, host_name, moved_id } = listed;
  return {
    id: stack.id,
    name: stack.name,
    host_id: stack.home_id,
    host_name,
    host_online: listed.host_connected,
    seen_at: time(reportedAt ?? lastReport(listed, now)),
    summary: stack.summary,
    active_migration_id: listed.active_migration_id,
    active_migration_status: listed.active_migration_status,
    moved_at: moved_id === null ? null : time(timeOfId(moved_id)),
    data_bytes: listed.data_bytes,
  };
}

/** A connected host reports its stacks several times a minute, and nothing is written as long as they are the same. */
function lastReport({ stack, host_connected, host_seen_at }: ListedStack, now: number): number {
  return host_connected ? now : Math.max(stack.seen_at, host_seen_at ?? 0);
}
