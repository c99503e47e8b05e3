import type { MigrationView } from '../../schema/api/migrations.ts';

/** The name of a side's host, also once it was deleted. */
export const hostName = (migration: MigrationView, side: 'source' | 'target'): string =>
  migration[`${side}_host`]?.name ?? migration[`${side}_host_id`];
