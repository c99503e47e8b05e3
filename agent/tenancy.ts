import type { Leftover } from '../schema/agent-protocol.ts';
import type { SourcePhase, TargetPhase } from '../schema/commands/parts.ts';
import { StackferryError } from '../schema/errors.ts';
import type { LedgerEntry } from './migration-ledger.ts';

/**
 * What this host is to the stack of one migration:
 *
 *   none       nothing was started here yet, or all of it was stopped again
 *   home       the stack lives here: no lease, and only an explicit command stops it
 *   parked     stopped to be moved, or about to be put back
 *   leased     containers may exist and run, under a lease
 *   retained   keeps the copy that the stack left behind
 *
 * Stored as the flags of release 0.1.0, which a failed update puts back.
 */
export type Tenancy = 'none' | 'home' | 'parked' | 'leased' | 'retained';

type Flags = Partial<Pick<LedgerEntry, 'deployed' | 'armed' | 'halted' | 'retained' | 'revived'>>;

/** Per role: the flags that a tenancy sets, and the tenancies it may follow. A repeat may enter the same one again. */
export const rules: Record<LedgerEntry['role'], { [T in Tenancy]?: { flags: Flags; after: Tenancy[] } }> = {
  source: {
    home: { flags: { retained: false, revived: false }, after: ['parked'] },
    parked: { flags: { retained: false, revived: false }, after: ['home', 'retained', 'leased'] },
    retained: { flags: { retained: true, revived: false }, after: ['home', 'parked', 'leased'] },
    leased: { flags: { revived: true }, after: ['home', 'parked', 'retained'] },
  },
  target: {
    none: { flags: { deployed: false, armed: false }, after: ['leased'] },
    leased: { flags: { deployed: true }, after: ['none'] },
    home: { flags: { armed: true, halted: false }, after: ['leased', 'retained'] },
    retained: { flags: { armed: false, halted: true }, after: ['none', 'leased', 'home'] },
  },
};

export function tenancyOf(entry: LedgerEntry): Tenancy {
  if (entry.role === 'target') {
    if (entry.halted) return 'retained';
    if (entry.armed) return 'home';
    return entry.deployed ? 'leased' : 'none';
  }
  if (entry.revived) return 'leased';
  if (entry.retained) return 'retained';
  return entry.prior ? 'parked' : 'home';
}

/**
 * Changes the entry's tenancy. A lease ends with the tenancy `leased`. `parked` and the source's `home` differ by the
 * record of its containers (`prior`), which the caller keeps. Throws `internal` if the change is none of the rules'.
 */
export function become(entry: LedgerEntry, to: Tenancy): void {
  const from = tenancyOf(entry);
  const rule = rules[entry.role][to];
  if (!rule || (from !== to && !rule.after.includes(from)))
    throw new StackferryError('internal', `This host's part as ${entry.role} cannot go from ${from} to ${to}.`);
  Object.assign(entry, rule.flags);
  if (to !== 'leased') entry.lease = null;
}

/** True if the stack may run here, so that its connections are its own. */
export const mayRunHere = (entry: LedgerEntry): boolean => ['home', 'leased'].includes(tenancyOf(entry));

export const isParked = (entry: LedgerEntry): boolean => tenancyOf(entry) === 'parked';

/** True if what this migration started may run only under a lease. */
export const isLeased = (entry: LedgerEntry): boolean => tenancyOf(entry) === 'leased';

/** Returns the ids of containers to stop when the lease ends. */
export function leasedContainers(entry: LedgerEntry): string[] {
  const own = entry.role === 'source' && isLeased(entry) ? (entry.prior ?? []).map(({ id }) => id) : [];
  return [...new Set([...own, ...entry.created.containers])];
}

/** Orders entries from the oldest migration to the newest. */
export const byAge = (a: LedgerEntry, b: LedgerEntry): number => (a.migration_id < b.migration_id ? -1 : 1);

/** Returns copies that are not their stack's home, by the newest migration of each project. */
export function leftoversIn(entries: LedgerEntry[]): Leftover[] {
  const newest = new Map<string, LedgerEntry>();
  for (const entry of entries.toSorted(byAge)) newest.set(entry.project, entry);
  return [...newest.values()]
    .filter((entry) => tenancyOf(entry) !== 'home' && tenancyOf(entry) !== 'parked')
    .map(({ project, migration_id }) => ({ project, migration_id }));
}

/** The words of the protocol. */
const sourcePhases: { [T in Tenancy]: SourcePhase } = {
  none: 'untouched',
  home: 'untouched',
  parked: 'stopped',
  leased: 'revived',
  retained: 'retained',
};
const targetPhases: { [T in Tenancy]: TargetPhase } = {
  none: 'made',
  home: 'armed',
  parked: 'made',
  leased: 'leased',
  retained: 'halted',
};

export const sourcePhaseOf = (entry: LedgerEntry | null): SourcePhase =>
  entry ? sourcePhases[tenancyOf(entry)] : 'untouched';

export const targetPhaseOf = (entry: LedgerEntry | null): TargetPhase =>
  entry ? targetPhases[tenancyOf(entry)] : 'made';
