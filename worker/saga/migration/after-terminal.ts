import type { CommandKind, CommandResult } from '../../../schema/commands.ts';
import { armAgain, armed, armingFailed, armingIsOverdue, isArming } from './arming.ts';
import { isPointing, pointed } from './cutover-names.ts';
import type { SagaEvent } from './events.ts';
import { endForwarding } from './forwarding.ts';
import { hostDeleted } from './host-deletion.ts';
import { close, recordResult } from './results.ts';
import { beginRollback } from './rollback.ts';
import { beginPurge, purgeEnded, remind, seeCopy, toldOf } from './safety-window.ts';
import { nextTryAt, recordEvent, send, type TransitionDraft } from './transition.ts';

type Cleanup = CommandResult<'cleanup_target'>;

/**
 * Events of a terminal migration. Its remaining commands are recorded with the terminal state, delivered once the host
 * is back, and retried on failure. Only a rollback still changes the status.
 */

export function afterTheEnd(draft: TransitionDraft, event: SagaEvent): boolean {
  const { saga } = draft;
  switch (event.type) {
    case 'command_done': {
      const before = { ...saga.results };
      const kind = recordResult(draft, event);
      if (kind && isArming(kind)) armed(draft);
      if (kind === 'cleanup_target') reportCleanup(draft, event.data as Cleanup, before.cleanup_target);
      if (kind && isPointing(kind) && pointed(draft, event.data as CommandResult<typeof kind>, before[kind]))
        retryLater(draft, kind);
      if (kind === 'purge_source') purgeEnded(draft, 'source', event.data as CommandResult<'purge_source'>);
      if (kind === 'purge_target') purgeEnded(draft, 'target', event.data as CommandResult<'purge_target'>);
      return kind !== false;
    }
    case 'command_failed': {
      const awaited = saga.awaiting.find(({ id }) => id === event.command_id);
      if (!awaited) return false;
      close(draft, event.command_id);
      const { code, message } = event.failure;
      if (awaited.kind === 'purge_source') purgeEnded(draft, 'source', { remaining: [{ what: 'all', why: message }] });
      else if (awaited.kind === 'purge_target')
        purgeEnded(draft, 'target', { remaining: [{ what: 'all', why: message }] });
      else if (isArming(awaited.kind)) armingFailed(draft, awaited.kind, event.failure);
      else {
        recordEvent(draft, 'notice', { message: `${awaited.kind} failed and is retried`, code, why: message });
        retryLater(draft, awaited.kind);
      }
      return true;
    }
    case 'overdue': {
      const attention = armingIsOverdue(draft);
      return sendRetried(draft) || attention;
    }
    case 'retry':
      if (saga.retry.length === 0 && saga.status !== 'needs_attention') return false;
      armAgain(draft);
      sendRetried(draft);
      return true;
    case 'rollback':
      return beginRollback(draft);
    case 'purge':
      return beginPurge(draft, event.side);
    case 'end_forwarding':
      return saga.status === 'completed' && endForwarding(draft, 'ended on request');
    case 'remind':
      return remind(draft, event.per_minute);
    case 'copy_seen':
      return seeCopy(draft, event.running);
    case 'host_deleted':
      return hostDeleted(draft, event.host);
    case 'restored':
    case 'agent_lost':
    case 'moved':
    case 'cancel':
    case 'cutover':
    case 'resolve':
    case 'preflight_passed':
    case 'preflight_refused':
      return false;
  }
}

/** Retries until nothing is left. Reports what is left only if it differs from the last report. */
function reportCleanup(draft: TransitionDraft, { remaining }: Cleanup, before: Cleanup | undefined): void {
  if (remaining.length === 0) return;
  if (JSON.stringify(before?.remaining) !== JSON.stringify(remaining))
    recordEvent(draft, 'notice', {
      message: 'some of what the migration made on the target is still there',
      remaining: toldOf(remaining),
    });
  retryLater(draft, 'cleanup_target');
}

function sendRetried(draft: TransitionDraft): boolean {
  const { saga } = draft;
  const kinds = saga.retry;
  for (const kind of kinds) send(draft, kind);
  saga.retry = [];
  saga.deadline_at = attentionAt(draft);
  return kinds.length > 0;
}

function retryLater(draft: TransitionDraft, kind: CommandKind): void {
  draft.saga.retry.push(kind);
  draft.saga.deadline_at = Math.min(nextTryAt(draft), attentionAt(draft) ?? Number.POSITIVE_INFINITY);
}

/**
 * When a host that does not answer the arming command needs attention; null if none is pending or attention was already
 * requested.
 */
function attentionAt({ saga }: TransitionDraft): number | null {
  return saga.arming && saga.status !== 'needs_attention' ? saga.arming.attention_at : null;
}
