import type { MigrationView } from '../../../schema/api/migrations.ts';
import { clock, moment } from '../../../schema/units.ts';

/** While the stack is down: for how long so far. */
export function DownFor({ migration: { downtime, stack } }: { migration: MigrationView }) {
  if (!downtime || downtime.ended_at !== null) return null;
  const { began_at } = downtime;
  return (
    <p class="card down">
      <span>{stack.name} has been down for</span>{' '}
      <time class="countdown" datetime={began_at} title={moment(began_at)} data-since>
        {clock(Date.now() - Date.parse(began_at))}
      </time>
    </p>
  );
}
