import type { Failure } from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Arming } from '../../../schema/saga.ts';
import { needAttention } from './attention-report.ts';
import { close } from './results.ts';
import { nextTryAt, recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * Restores the restart policies after a terminal state, so that the stack runs without a lease. The host also starts
 * what a lapsed lease stopped in the meantime. If it fails or stays silent, the migration needs attention, keeps
 * retrying, and is terminal again once the host has answered.
 */
const kinds: { [E in Arming['end']]: CommandKind } = { completed: 'arm_target', rolled_back: 'arm_source' };

export const isArming = (kind: CommandKind): boolean => kind === 'arm_target' || kind === 'arm_source';

export function beginArming(draft: TransitionDraft, end: Arming['end']): void {
  const { saga, now } = draft;
  saga.status = end;
  saga.arming = { end, tries: 0, attention_at: now + limits.step.armingMsMax };
  saga.deadline_at = saga.arming.attention_at;
  // From now on the kept copy is the target's.
  if (end === 'rolled_back' && saga.window) saga.window.copy_ran = false;
  send(draft, kinds[end]);
}

export function armed(draft: TransitionDraft): void {
  const { saga } = draft;
  if (saga.arming) saga.status = saga.arming.end;
  saga.arming = null;
  saga.attention = null;
  if (saga.retry.length === 0) saga.deadline_at = null;
}

export function armingFailed(draft: TransitionDraft, kind: CommandKind, { code, message }: Failure): void {
  const { saga, now } = draft;
  saga.retry.push(kind);
  recordEvent(draft, 'notice', { message: `${kind} failed and is retried`, code, why: message });
  // The command may predate this record, for example after an upgrade.
  const end = kind === 'arm_source' ? 'rolled_back' : 'completed';
  saga.arming ??= { end, tries: 0, attention_at: now + limits.step.armingMsMax };
  saga.arming.tries += 1;
  if (saga.arming.tries >= limits.undo.triesMax && saga.status !== 'needs_attention') needAttention(draft, message);
  saga.deadline_at = saga.status === 'needs_attention' ? nextTryAt(draft) : now + limits.undo.retryMs;
}

/** Requests attention if the host has been silent too long. Returns true if it did. */
export function armingIsOverdue(draft: TransitionDraft): boolean {
  const { saga, now } = draft;
  if (!saga.arming || saga.status === 'needs_attention' || now < saga.arming.attention_at) return false;
  const host = saga.arming.end === 'completed' ? 'target' : 'source';
  needAttention(draft, `The ${host} host has not confirmed in time that the stack runs there.`);
  return true;
}

/** Retries at once, after an operator fixed the cause. */
export function armAgain(draft: TransitionDraft): void {
  const { saga } = draft;
  if (!saga.arming) return;
  const kind = kinds[saga.arming.end];
  for (const { id } of saga.awaiting.filter((command) => command.kind === kind)) close(draft, id);
  saga.retry = saga.retry.filter((retried) => retried !== kind);
  saga.arming.tries = 0;
  send(draft, kind);
}
