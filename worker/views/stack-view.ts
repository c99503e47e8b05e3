import type { z } from 'zod';
import type { stackView } from '../../schema/api/stacks.ts';
import type { ListedStack } from '../store/stacks.ts';
import { time } from '../time.ts';

export function viewStack({
  stack,
  host_name,
  active_migration_id,
  active_migration_status,
}: ListedStack): z.infer<typeof stackView> {
  return {
    id: stack.id,
    name: stack.name,
    host_id: stack.home_id,
    host_name,
    seen_at: time(stack.seen_at),
    summary: stack.summary,
    active_migration_id,
    active_migration_status,
  };
}
