import type { CommandKind, CommandResult } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { SagaEvent } from './advance.ts';
import { close, settle } from './answers.ts';
import { say, send, type Turn } from './turn.ts';

/**
 * What a terminal state owes to hosts: recorded with it, delivered whenever the host is back, tried again when it
 * fails. It never changes the status any more.
 */

/** The commit of `completed` is the point of no return: from here on the target arms itself, the source retains. */
export function complete(turn: Turn): void {
  turn.saga.status = 'completed';
  turn.saga.deadline_at = null;
  send(turn, 'arm_target');
  send(turn, 'retain_source');
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
      if (kind === 'cleanup_target') reportCleanup(turn, event.data as CommandResult<'cleanup_target'>);
      return kind !== false;
    }
    case 'command_failed': {
      const awaited = saga.awaiting.find(({ id }) => id === event.command_id);
      if (!awaited) return false;
      close(turn, event.command_id);
      say(turn, 'notice', {
        message: `${awaited.kind} failed and is tried again`,
        code: event.failure.code,
        why: event.failure.message,
      });
      retryLater(turn, awaited.kind);
      return true;
    }
    case 'overdue':
      if (saga.retry.length === 0) return false;
      for (const kind of saga.retry) send(turn, kind);
      saga.retry = [];
      saga.deadline_at = null;
      return true;
    case 'agent_lost':
    case 'cancel':
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

function retryLater(turn: Turn, kind: CommandKind): void {
  turn.saga.retry.push(kind);
  turn.saga.deadline_at = turn.now + limits.control.attentionRetryMs;
}
