import type { Failure } from '../../../schema/agent-protocol.ts';
import type { CommandKind, CommandResult } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga } from '../../../schema/saga.ts';
import { recordEvent, type TransitionDraft } from './transition.ts';

/** `data` was validated against `commandKinds[kind].result` on arrival. */
export interface CommandDone {
  type: 'command_done';
  command_id: string;
  data: unknown;
}

/** Records an awaited command's result. Returns false if it is not awaited: a repeat, or too late. */
export function recordResult(draft: TransitionDraft, { command_id, data }: CommandDone): CommandKind | false {
  const awaited = draft.saga.awaiting.find(({ id }) => id === command_id);
  if (!awaited) return false;
  const { kind } = awaited;
  close(draft, command_id);
  record(draft, kind, data as CommandResult<typeof kind>);
  if (kind === 'stop_stack') {
    forgoUnneeded(draft);
    const { killed } = data as CommandResult<'stop_stack'>;
    const containers = killed.slice(0, limits.control.namesToldMax);
    if (killed.length > 0)
      recordEvent(draft, 'notice', { message: 'did not stop in time and were killed', containers });
  }
  return kind;
}

/** Stops waiting for what only saves time. Returns false if nothing of it was awaited. */
export function forgoUnneeded(draft: TransitionDraft): boolean {
  const unneeded = draft.saga.awaiting.filter(({ kind }) => kind === 'expect_source');
  for (const { id } of unneeded) close(draft, id);
  return unneeded.length > 0;
}

/** Stops waiting for a command. */
export function close(draft: TransitionDraft, command_id: string): void {
  draft.saga.awaiting = draft.saga.awaiting.filter(({ id }) => id !== command_id);
  draft.closed.push(command_id);
}

function record<K extends CommandKind>(draft: TransitionDraft, kind: K, data: CommandResult<K>): void {
  (draft.saga.results as { [P in K]?: CommandResult<P> })[kind] = data;
}

export function lost(saga: Saga, host: string): Failure {
  const role = host === saga.source ? 'source' : 'target';
  return { code: 'agent_lost', message: `The ${role} host's agent was unreachable for too long.`, log_tail: [] };
}
