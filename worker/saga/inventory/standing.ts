import { isTerminal, type Status } from '../../../schema/migration-status.ts';

/** The newest migration of a project with this host as its source or target. */
export interface LatestMove {
  status: Status;
  role: 'source' | 'target';
  /** The clean-up of the target is pending. */
  cleanup_owed: boolean;
  /** A completed migration is being rolled back, or a failed rollback is being undone. */
  rolling_back: boolean;
  /** Its copy on this host was deleted. */
  purged: boolean;
}

/**
 * Decides whether a reported project is the stack itself (`home`) or a copy that a migration keeps, creates or leaves on the
 * host (`copy`), which is no stack of its own.
 *
 *   latest move    reported by source           reported by target
 *   none           home                         home
 *   active         home                         copy, arriving
 *   completed      copy, retained until purged  home
 *   rolling back   copy, until it is committed  home
 *   rolled back    home                         copy, left behind until purged
 *   failed or      home                         copy while its clean-up is pending, else home: a project of that
 *   cancelled                                   name was there before and made the migration fail
 */
export function standingOf(latest: LatestMove | null): 'home' | 'copy' {
  if (!latest) return 'home';
  const { status, role, cleanup_owed, rolling_back, purged } = latest;
  if (rolling_back) return role === 'target' ? 'home' : 'copy';
  if (!isTerminal(status)) return role === 'source' ? 'home' : 'copy';
  if (status === 'completed') return role === 'target' || purged ? 'home' : 'copy';
  if (status === 'rolled_back') return role === 'source' || purged ? 'home' : 'copy';
  return role === 'target' && cleanup_owed ? 'copy' : 'home';
}
