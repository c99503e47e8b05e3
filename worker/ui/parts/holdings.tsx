import type { MigrationView } from '../../../schema/api/migrations.ts';
import { limits } from '../../../schema/limits.ts';
import { hostName, keptCopy } from '../../../schema/migration-places.ts';
import type { Page as ListPage } from '../call.ts';
import type { StackView } from '../views.ts';
import { HoursLeft } from './time.tsx';

interface HoldingsProps {
  /** Id of the host. */
  host: string;
  stacks: StackView[];
  /** Migrations that keep a copy on the host. */
  kept: ListPage<MigrationView>;
}

/** What Stackferry loses sight of when the host is deleted, each thing by name. */
export function Holdings({ host, stacks, kept }: HoldingsProps) {
  const copies = kept.items.filter((migration) => keptCopy(migration) !== null);
  if (stacks.length + copies.length === 0) return <p>It holds no stack and no kept copy.</p>;
  return (
    <div class="alert bad">
      <p>
        <strong>This host still holds:</strong>
      </p>
      <ul>
        {stacks.length > limits.ui.stacksOfHostMax ? (
          <li>
            {stacks.length} stacks, which stay on the machine and are no longer listed, moved or watched:{' '}
            {stacks.map(({ name }) => name).join(', ')}
          </li>
        ) : (
          stacks.map(({ name, summary }) => (
            <li>
              <strong>{name}</strong>, {summary.running ? 'running' : 'not running'}: it stays on the machine, and is no
              longer listed, moved or watched.
            </li>
          ))
        )}
        {copies.map((migration) => (
          <li>
            <Kept migration={migration} />
          </li>
        ))}
        {kept.next_cursor === null ? null : (
          <li>
            <a href={`/ui/migrations?kept=true&host=${host}`}>more kept copies</a>
          </li>
        )}
      </ul>
    </div>
  );
}

function Kept({ migration }: { migration: MigrationView }) {
  const { id, stack, status, window } = migration;
  const copy = <a href={`/ui/migrations/${id}`}>the kept copy of {stack.name}</a>;
  if (status === 'rolled_back')
    return <>{copy}, left when it was rolled back: it stays on the machine, for you to remove by hand.</>;
  return (
    <>
      {copy}, which moved to {hostName(migration, 'target')}
      {window?.open ? (
        <>
          {' '}
          and can be rolled back for <HoursLeft until={window.ends_at} /> more: <strong>then no longer</strong>
        </>
      ) : null}
      . The copy stays on the machine, for you to remove by hand.
    </>
  );
}
