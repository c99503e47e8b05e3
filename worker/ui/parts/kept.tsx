import type { MigrationView } from '../../../schema/api/migrations.ts';
import { hostName, keptCopy } from '../../../schema/migration-places.ts';
import { HoursLeft } from './time.tsx';

/** Shown on the stack's page until the copy is deleted or the migration rolled back. */
export function KeptBanner({ migration }: { migration: MigrationView }) {
  const { id, window } = migration;
  const side = keptCopy(migration);
  if (!window || !side) return null;
  const place = hostName(migration, side);
  return (
    <div class={`alert ${window.copy_running ? 'bad' : 'note'}`}>
      <p>
        {side === 'source' ? (
          <>
            Moved from <strong>{place}</strong>, which keeps its copy, stopped.{' '}
            {window.open ? (
              <>
                It can be rolled back for <HoursLeft until={window.ends_at} /> more.
              </>
            ) : (
              'It can no longer be rolled back.'
            )}
          </>
        ) : (
          <>
            Rolled back. <strong>{place}</strong> keeps what was left there, stopped, until you delete it.
          </>
        )}
        {window.copy_running ? <strong> Somebody started the kept copy: two copies run.</strong> : null}{' '}
        <a href={`/ui/migrations/${id}`}>
          {side === 'target' ? 'Delete it' : window.open ? 'Roll back or delete the source' : 'Delete the source'}
        </a>
      </p>
    </div>
  );
}
