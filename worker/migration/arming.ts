import type { CommandKind, Failure } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Arming } from '../../schema/saga.ts';
import { close } from './answers.ts';
import { needAttention } from './attention.ts';
import { nextTryAt, say, send, type Turn } from './turn.ts';

/**
 * From a terminal state to the answer that its stack runs without a lease. The host starts what a lapsed lease stopped
 * meanwhile. Where it fails, or is silent, a person is asked: the migration needs attention, goes on trying, and is
 * terminal again once the host has answered.
 */
const kinds: { [E in Arming['end']]: CommandKind } = { completed: 'arm_target', rolled_back: 'arm_source' };

export const isArming = (kind: CommandKind): boolean => kind === 'arm_target' || kind === 'arm_source';

export function beginArming(turn: Turn, end: Arming['end']): void {
  const { saga, now } = turn;
  saga.status = end;
  saga.arming = { end, tries: 0, attention_at: now + limits.step.armingMsMax };
  saga.deadline_at = saga.arming.attention_at;
  send(turn, kinds[end]);
}

export function armed(turn: Turn): void {
  const { saga } = turn;
  if (saga.arming) saga.status = saga.arming.end;
  saga.arming = null;
  saga.attention = null;
  if (saga.retry.length === 0) saga.deadline_at = null;
}

export function armingFailed(turn: Turn, kind: CommandKind, { code, message }: Failure): void {
  const { saga, now } = turn;
  saga.retry.push(kind);
  say(turn, 'notice', { message: `${kind} failed and is tried again`, code, why: message });
  // One that was under way before this was recorded.
  const end = kind === 'arm_source' ? 'rolled_back' : 'completed';
  saga.arming ??= { end, tries: 0, attention_at: now + limits.step.armingMsMax };
  saga.arming.tries += 1;
  if (saga.arming.tries >= limits.undo.triesMax && saga.status !== 'needs_attention') needAttention(turn, message);
  saga.deadline_at = saga.status === 'needs_attention' ? nextTryAt(turn) : now + limits.undo.retryMs;
}

/** True where its host has been silent for too long, and a person is asked now. */
export function armingIsOverdue(turn: Turn): boolean {
  const { saga, now } = turn;
  if (!saga.arming || saga.status === 'needs_attention' || now < saga.arming.attention_at) return false;
  needAttention(turn, 'Its host is out of contact, so nobody can tell whether the stack runs there.');
  return true;
}

/** A person mended something: the host is asked again at once. */
export function armAgain(turn: Turn): void {
  const { saga } = turn;
  if (!saga.arming) return;
  const kind = kinds[saga.arming.end];
  for (const { id } of saga.awaiting.filter((command) => command.kind === kind)) close(turn, id);
  saga.retry = saga.retry.filter((retried) => retried !== kind);
  saga.arming.tries = 0;
  send(turn, kind);
}
