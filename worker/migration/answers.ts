import type { CommandKind, CommandResult } from '../../schema/agent-protocol.ts';
import { say, type Turn } from './turn.ts';

/** `data` was checked against `commandKinds[kind].result` at the edge. */
export interface CommandDone {
  type: 'command_done';
  command_id: string;
  data: unknown;
}

/** Records an awaited command's result. False where nobody waits for it: a repeat, or an answer that came too late. */
export function settle(turn: Turn, { command_id, data }: CommandDone): CommandKind | false {
  const awaited = turn.saga.awaiting.find(({ id }) => id === command_id);
  if (!awaited) return false;
  const { kind } = awaited;
  close(turn, command_id);
  record(turn, kind, data as CommandResult<typeof kind>);
  if (kind === 'stop_stack') {
    const { killed } = data as CommandResult<'stop_stack'>;
    if (killed.length > 0) say(turn, 'notice', { message: 'did not stop in time and were killed', containers: killed });
  }
  return kind;
}

/** An awaited command needs no answer any more. */
export function close(turn: Turn, command_id: string): void {
  turn.saga.awaiting = turn.saga.awaiting.filter(({ id }) => id !== command_id);
  turn.closed.push(command_id);
}

function record<K extends CommandKind>(turn: Turn, kind: K, data: CommandResult<K>): void {
  (turn.saga.results as { [P in K]?: CommandResult<P> })[kind] = data;
}
