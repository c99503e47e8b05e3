import type { MigrationView } from '../../../schema/api/migrations.ts';
import { Moment } from './time.tsx';

/** What has become of an ended migration since: another one of its stack, a host that was deleted. */
export function Succession({
  migration,
  source,
  target,
}: {
  migration: MigrationView;
  source: string;
  target: string;
}) {
  const { superseded_by, source_host, target_host, home, stack } = migration;
  const deleted = [
    ...(source_host?.deleted_at ? [[source, source_host.deleted_at]] : []),
    ...(target_host?.deleted_at ? [[target, target_host.deleted_at]] : []),
  ] as [name: string, at: string][];
  return (
    <>
      {superseded_by ? (
        <p class="alert note">
          This is history: {stack.name} has a later migration. {home ? `It is now on ${home.name}. ` : null}
          <a href={`/ui/migrations/${superseded_by}`}>See the next migration</a>
        </p>
      ) : null}
      {deleted.map(([name, at]) => (
        <p class="alert warn">
          {name} was deleted from the fleet on <Moment at={at} />. Stackferry can neither see nor change what is on that
          machine; what it held is still there.
        </p>
      ))}
    </>
  );
}
