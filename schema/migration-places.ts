import type { MigrationView } from './api/migrations.ts';

/** Where a migration's stack was, and is, for pages and the command line. */

/** The name of a side's host, also once it was deleted. */
export const hostName = (migration: MigrationView, side: 'source' | 'target'): string =>
  migration[`${side}_host`]?.name ?? migration[`${side}_host_id`];

/** The stack is on its source again by a later migration, so what this one kept there is the stack itself. */
export const isHomeAgain = ({ home, source_host_id }: MigrationView): boolean => home?.id === source_host_id;

/** The side that still keeps a copy to decide about, or null. */
export function keptCopy(migration: MigrationView): 'source' | 'target' | null {
  const { status, window } = migration;
  if (!window) return null;
  if (status === 'completed' && !window.source_purge?.done_at && !isHomeAgain(migration)) return 'source';
  if (status === 'rolled_back' && !window.target_purge?.done_at) return 'target';
  return null;
}

/** The same migration may be asked for again: the stack is still on its source, and the destination in the fleet. */
export const canRepeat = ({ home, source_host_id, target_host }: MigrationView): boolean =>
  home?.id === source_host_id && !target_host?.deleted_at;

/** Nothing refuses a rollback now, as far as the control plane knows. */
export const canRollBack = ({ status, window, superseded_by, target_host }: MigrationView): boolean =>
  status === 'completed' && window?.open === true && !superseded_by && !target_host?.deleted_at;
