import type { Outcome } from '../../../schema/agent-protocol.ts';
import { commandKinds } from '../../../schema/commands.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import type { SagaEvent } from './events.ts';
import type { MigrationRow } from './ports.ts';
import { hasRoomFor } from './record-room.ts';

/**
 * The host knows a newer epoch or ledger state than this record, which happens only after a restore: an awaited command
 * is never older than what its host did.
 */
export const revealsRestore = (outcome: Outcome): boolean =>
  !outcome.ok && (outcome.error.code === 'epoch_stale' || outcome.error.code === 'ledger_ahead');

export function eventOf(
  row: MigrationRow,
  command_id: string,
  kind: keyof typeof commandKinds,
  outcome: Outcome,
): SagaEvent {
  if (!outcome.ok) return { type: 'command_failed', command_id, failure: outcome.error };
  const result = commandKinds[kind].result.safeParse(outcome.data);
  if (result.success && hasRoomFor(row, result.data)) return { type: 'command_done', command_id, data: result.data };
  const message = result.success
    ? `The answer to ${kind} is longer than the record of a migration can hold. Split the stack if it is that large; else distrust that host.`
    : `The answer to ${kind} can't be read; are agent and control plane of one version?`;
  return { type: 'command_failed', command_id, failure: { code: 'command_failed', message, log_tail: [] } };
}

/** `report`: null if it passed, but does not fit into the record. */
export function preflightRefusal(report: Report | null): SagaEvent {
  const failed = report?.checks.filter(({ status }) => status === 'fail').map(({ name }) => name) ?? [];
  const message = report
    ? `The pre-flight found that it can't be done: ${failed.join(', ')}.`
    : 'What the hosts report about the stack is longer than the record of a migration can hold. Split the stack.';
  return { type: 'preflight_refused', failure: { code: 'preflight_failed', message, log_tail: [] } };
}
