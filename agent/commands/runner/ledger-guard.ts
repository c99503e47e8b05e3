import type { CommandKind } from '../../../schema/commands.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { LedgerEntry, MigrationLedger } from '../../migration-ledger.ts';
import { sourcePhaseOf, targetPhaseOf, tenancyOf } from '../../tenancy.ts';

const kinds = (...of: CommandKind[]): ReadonlySet<CommandKind> => new Set(of);

/** Commands of the move itself and its undo, per side. */
const ofTarget = kinds(
  'prepare_target',
  'pull_images',
  'receive_images',
  'warm_target',
  'pass_target',
  'stage_target',
  'receive_volumes',
  'receive_project',
  'deploy',
  'stop_target',
  'cleanup_target',
);
const ofSource = kinds(
  'prepare_source',
  'send_logins',
  'send_images',
  'warm_source',
  'pass_source',
  'stage_source',
  'send_volumes',
  'send_project',
  'restore_source',
);
const starts = kinds('deploy', 'arm_target', 'resume_target', 'restore_source', 'revive_source', 'arm_source');

/**
 * Throws `ledger_ahead` if this host's ledger contradicts the command, because the control plane was restored to an
 * earlier moment and repeats commands of that time. The control plane then asks both hosts for their state.
 *
 *   ledger                    refused
 *   target armed or halted    the move and its undo: they would overwrite or delete what the stack wrote since
 *   source retained, revived  the same: the stack lives on the target, or a rollback brought it back
 *   source not retained       a purge
 *   a later migration         every start
 */
export function assertNotBehind(kind: CommandKind, migrationId: string, ledger: MigrationLedger): void {
  const why = contradiction(kind, migrationId, ledger);
  if (!why) return;
  throw new StackferryError(
    'ledger_ahead',
    `By this host's record ${why}, so "${kind}" was not done. Was the control plane's database restored to an earlier moment?`,
  );
}

function contradiction(kind: CommandKind, migrationId: string, ledger: MigrationLedger): string | null {
  const later = starts.has(kind) ? laterThan(migrationId, ledger) : undefined;
  if (later) return `the stack has moved on since, by migration ${later.migration_id}`;
  if (!ofTarget.has(kind) && !ofSource.has(kind) && kind !== 'purge_source') return null;
  const entry = ledger.find(migrationId);
  if (!entry) return null;
  const phase = entry.role === 'source' ? sourcePhaseOf(entry) : targetPhaseOf(entry);
  if (kind === 'purge_source') return entry.prior && phase !== 'retained' ? 'this host is the home of the stack' : null;
  const ended = ofTarget.has(kind) ? ['armed', 'halted'] : ['retained', 'revived'];
  return ended.includes(phase) ? 'the migration is completed' : null;
}

/** Finds a later migration of the same stack that has changed something on this host. */
export function laterThan(migrationId: string, ledger: MigrationLedger): LedgerEntry | undefined {
  const project = ledger.find(migrationId)?.project;
  return ledger
    .all()
    .find((entry) => entry.project === project && entry.migration_id > migrationId && holdsStack(entry));
}

const holdsStack = (entry: LedgerEntry): boolean =>
  entry.role === 'source'
    ? entry.stopped !== null || !['home', 'parked'].includes(tenancyOf(entry))
    : tenancyOf(entry) !== 'none';
