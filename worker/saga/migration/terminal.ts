import type { Status } from '../../../schema/migration-status.ts';
import type { Saga } from '../../../schema/saga.ts';
import { beginArming } from './arming.ts';
import { owePointing } from './cutover-names.ts';
import { oweForwarding } from './forwarding.ts';
import { provenUntil } from './lease-proof.ts';
import { openWindow } from './safety-window.ts';
import { recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * The commit of `completed` is the point of no return: the target gets its restart policies back, the source keeps its
 * copy. It must be written within the lease of the verified stack, or not at all.
 */
export function complete(draft: TransitionDraft): void {
  const { saga } = draft;
  draft.commit_by = provenUntil(saga, 'verify_health');
  saga.window = openWindow(draft);
  beginArming(draft, 'completed');
  oweForwarding(draft);
  owePointing(draft);
  oweRetention(draft);
}

/** A source that was declared lost may have started its copy: stop it first if it comes back. */
export function oweRetention(draft: TransitionDraft): void {
  const { source_lost, rollback } = draft.saga;
  if (source_lost && rollback) send(draft, 'stop_source');
  if (source_lost) send(draft, 'stop_stack');
  send(draft, 'retain_source');
}

/** A rollback failed, or its source was lost after it, and the target runs its stack again. */
export function backToCompleted(draft: TransitionDraft): void {
  draft.saga.status = 'completed';
  draft.saga.deadline_at = null;
  if (draft.saga.rollback?.ended_at != null)
    recordEvent(draft, 'notice', { message: 'clients are to use the target again', clients_move: true });
  if (draft.saga.rollback) draft.saga.rollback.ended_at = draft.now;
  oweForwarding(draft);
  owePointing(draft);
  oweRetention(draft);
}

/** Removes what the migration created on the target, if it got that far. */
export function oweCleanup(draft: TransitionDraft): void {
  draft.saga.deadline_at = null;
  if (draft.saga.steps.preparing) send(draft, 'cleanup_target');
}

/** The host the stack lives on from this transition on; null if it stays where it was. */
export function homeAfter(before: Status, { status, source, target, results }: Saga): string | null {
  if (status === before) return null;
  if (status === 'completed') return target;
  if (status === 'rolled_back') return source;
  // A record that was restored to before its rollback may have been completed, and the home be the target's.
  return (status === 'failed' || status === 'cancelled') && results.restore_source ? source : null;
}
