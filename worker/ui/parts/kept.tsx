import type { MigrationView } from '../../../schema/api/migrations.ts';
import { HoursLeft } from './time.tsx';

/** Returns the side that still keeps a copy to decide about, or null. */
export function keptCopy({ status, window }: MigrationView): 'source' | 'target' | null {
  if (!window) return null;
  if (status === 'completed' && !window.source_purge?.done_at) return 'source';
  if (status === 'rolled_back' && !window.target_purge?.done_at) return 'target';
  return null;
}

/** Shown on the stack's page until the copy is deleted or the migration rolled back. */
export function KeptBanner({ migration, nameOf }: { migration: MigrationView; nameOf: (id: string) => string }) {
  const { id, window, source_host_id, target_host_id } = migration;
  const side = keptCopy(migration);
  if (!window || !side) return null;
  const place = nameOf(side === 'source' ? source_host_id : target_host_id);
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
        <a href={`/ui/migrations/${id}`}>{side === 'source' ? 'Roll back or delete the source' : 'Delete it'}</a>
      </p>
    </div>
  );
}
