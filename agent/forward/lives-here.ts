import type { MigrationLedger } from '../migration-ledger.ts';
import { mayRunHere, tenancyOf } from '../tenancy.ts';

/**
 * Whether the stack that this migration brought is still on this host, so that its ports are its own; also true if it has moved
 * on and its connections are passed on from here.
 */
export function livesHere(migrationId: string, ledger: Pick<MigrationLedger, 'find' | 'all'>): boolean {
  const entry = ledger.find(migrationId);
  if (!entry || !mayRunHere(entry)) return false;
  return !ledger
    .all()
    .some(
      (later) =>
        later.project === entry.project &&
        later.migration_id > migrationId &&
        later.role === 'source' &&
        tenancyOf(later) === 'retained' &&
        !later.forwarding,
    );
}
