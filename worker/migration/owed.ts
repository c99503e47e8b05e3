import type { CommandKind, CommandResult } from '../../schema/agent-protocol.ts';
import type { SagaEvent } from './advance.ts';
import { close, settle } from './answers.ts';
import { armAgain, armed, armingFailed, armingIsOverdue, beginArming, isArming } from './arming.ts';
import { hostDeleted } from './host-deletion.ts';
import { provenUntil } from './lease-proof.ts';
import { beginRollback } from './rollback.ts';
import { beginPurge, purgeEnded, remind, seeCopy } from './safety-window.ts';
import { nextTryAt, say, send, type Turn } from './turn.ts';

/**
 * What a terminal state owes to hosts: recorded with it, delivered whenever the host is back, tried again when it
 * fails. Only a rollback changes the status any more.
 */

/**
 * The commit of `completed` is the point of no return: from here on the target arms itself, the source retains. It is
 * written while the lease of what was verified lasts, or not at all.
 */
export function complete(turn: Turn): void {
  const { saga, now } = turn;
  turn.commit_by = provenUntil(saga, 'verify_health');
  saga.window = {
    completed_at: now,
    ends_at: now + saga.window_ms,
    reminded_at: null,
    copy_running: false,
    source_purge: null,
    target_purge: null,
  };
  beginArming(turn, 'completed');
  oweRetention(turn);
}

/** A source that was declared lost may have started its copy meanwhile: should it come back, that is stopped first. */
function oweRetention(turn: Turn): void {
  const { source_lost, rollback } = turn.saga;
  if (source_lost && rollback) send(turn, 'stop_source');
  if (source_lost) send(turn, 'stop_stack');
  send(turn, 'retain_source');
}

/** A rollback failed and the target has its stack back. */
export function backToCompleted(turn: Turn): void {
  turn.saga.status = 'completed';
  turn.saga.deadline_at = null;
  if (turn.saga.rollback) turn.saga.rollback.ended_at = turn.now;
  oweRetention(turn);
}

/** Removes what the migration made on the target, where it may have made anything. */
export function oweCleanup(turn: Turn): void {
  turn.saga.deadline_at = null;
  if (turn.saga.steps.preparing) send(turn, 'cleanup_target');
}

export function afterTheEnd(turn: Turn, event: SagaEvent): boolean {
  const { saga } = turn;
  switch (event.type) {
    case 'command_done': {
      const kind = settle(turn, event);
      if (kind && isArming(kind)) armed(turn);
      if (kind === 'cleanup_target') reportCleanup(turn, event.data as CommandResult<'cleanup_target'>);
      if (kind === 'purge_source') purgeEnded(turn, 'source', event.data as CommandResult<'purge_source'>);
      if (kind === 'purge_target') purgeEnded(turn, 'target', event.data as CommandResult<'purge_target'>);
      return kind !== false;
    }
    case 'command_failed': {
      const awaited = saga.awaiting.find(({ id }) => id === event.command_id);
      if (!awaited) return false;
      close(turn, event.command_id);
      const { code, message } = event.failure;
      if (awaited.kind === 'purge_source') purgeEnded(turn, 'source', { remaining: [{ what: 'all', why: message }] });
      else if (awaited.kind === 'purge_target')
        purgeEnded(turn, 'target', { remaining: [{ what: 'all', why: message }] });
      else if (isArming(awaited.kind)) armingFailed(turn, awaited.kind, event.failure);
      else {
        say(turn, 'notice', { message: `${awaited.kind} failed and is tried again`, code, why: message });
        retryLater(turn, awaited.kind);
      }
      return true;
    }
    case 'overdue': {
      const attention = armingIsOverdue(turn);
      return sendRetried(turn) || attention;
    }
    case 'retry':
      if (saga.retry.length === 0 && saga.status !== 'needs_attention') return false;
      armAgain(turn);
      sendRetried(turn);
      return true;
    case 'rollback':
      return beginRollback(turn);
    case 'purge':
      return beginPurge(turn, event.side);
    case 'remind':
      return remind(turn);
    case 'copy_seen':
      return seeCopy(turn, event.running);
    case 'host_deleted':
      return hostDeleted(turn, event.host);
    case 'agent_lost':
    case 'moved':
    case 'cancel':
    case 'resolve':
    case 'preflight_passed':
    case 'preflight_refused':
      return false;
  }
}

function reportCleanup(turn: Turn, { remaining }: CommandResult<'cleanup_target'>): void {
  if (remaining.length === 0) return;
  say(turn, 'notice', { message: 'some of what the migration made on the target is still there', remaining });
  retryLater(turn, 'cleanup_target');
}

function sendRetried(turn: Turn): boolean {
  const { saga } = turn;
  const kinds = saga.retry;
  for (const kind of kinds) send(turn, kind);
  saga.retry = [];
  saga.deadline_at = attentionAt(turn);
  return kinds.length > 0;
}

function retryLater(turn: Turn, kind: CommandKind): void {
  turn.saga.retry.push(kind);
  turn.saga.deadline_at = Math.min(nextTryAt(turn), attentionAt(turn) ?? Number.POSITIVE_INFINITY);
}

/** When a person is asked about a host that does not arm its stack; null where none is waited for, or one was asked. */
function attentionAt({ saga }: Turn): number | null {
  return saga.arming && saga.status !== 'needs_attention' ? saga.arming.attention_at : null;
}
