import { isTerminal, type Status } from '../../schema/migration-status.ts';

/** The newest migration of a project that has this host as its source or target. */
export interface LatestMove {
  status: Status;
  role: 'source' | 'target';
  /** It still has to remove what it made on its target. */
  cleanup_owed: boolean;
  /** A completed one is being rolled back, or a rollback that failed is being undone. */
  rolling_back: boolean;
  /** What it kept on this host has been deleted. */
  purged: boolean;
}

/**
 * Whether a project that a host reports lives there (`home`), or is the copy that a migration keeps, makes or leaves
 * there: then it is no stack of its own.
 *
 *   latest move    reported by source           reported by target
 *   none           home                         home
 *   active         home                         copy, arriving
 *   completed      copy, retained until purged  home
 *   rolling back   copy, until it is committed  home
 *   rolled back    home                         copy, left behind until purged
 *   failed or      home                         copy while its clean-up is owed, else home: a project of that name
 *   cancelled                                   was there before, which is why the migration failed
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
