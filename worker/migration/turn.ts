import type { CommandKind, CommandPayload } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Step } from '../../schema/migration-status.ts';
import type { Saga, SagaCommand } from '../../schema/saga.ts';
import { healthTimeoutOf, hostOf, payloadOf } from './command-payloads.ts';

/** What one event did to a saga. `closed` are commands that need no answer any more. */
export interface Transition {
  saga: Saga;
  commands: SagaCommand[];
  closed: string[];
  events: MigrationEvent[];
  /** It must not be written later than this: what it says holds until then. Null where it holds for good. */
  commit_by: number | null;
}

/** Something a person is told of the migration's course. */
export interface MigrationEvent {
  kind: 'status' | 'failure' | 'notice' | 'cleanup_due';
  data: Record<string, unknown>;
}

/** One call of `advance()` while it is being worked out; `saga` is its own copy. */
export interface Turn extends Transition {
  now: number;
}

export function startTurn(saga: Saga, now: number): Turn {
  return { saga: structuredClone(saga), now, commands: [], closed: [], events: [], commit_by: null };
}

export function say(turn: Turn, kind: MigrationEvent['kind'], data: Record<string, unknown>): void {
  turn.events.push({ kind, data });
}

/** A step's commands go out together; the step ends when all are answered. */
export const stepCommands: { [S in Step]: { kinds: CommandKind[]; msMax: number } } = {
  preflight: { kinds: [], msMax: limits.step.preflightMsMax },
  preparing: { kinds: ['prepare_source', 'prepare_target'], msMax: limits.step.preparingMsMax },
  stopping: { kinds: ['stop_stack'], msMax: limits.step.stoppingMsMax },
  transferring: { kinds: ['send_volumes', 'receive_volumes'], msMax: limits.step.transferringMsMax },
  shipping: { kinds: ['send_project', 'receive_project'], msMax: limits.step.shippingMsMax },
  deploying: { kinds: ['deploy'], msMax: limits.step.deployingMsMax },
  verifying: { kinds: ['verify_health'], msMax: 0 },
};

const roundMsMax = (step: Step, kinds: CommandKind[]) =>
  stepCommands[kinds.includes('warm_source') || kinds.includes('warm_target') ? 'transferring' : step].msMax;

/** Bytes move, so the round gets its time again, once half of it is spent: not every report is worth a transition. */
export function extendRound({ saga, now }: Turn, step: Step): boolean {
  if (!['preparing', 'transferring', 'shipping'].includes(step) || saga.deadline_at === null) return false;
  const msMax = roundMsMax(
    step,
    saga.awaiting.map(({ kind }) => kind),
  );
  if (saga.deadline_at - now > msMax / 2) return false;
  saga.deadline_at = now + msMax;
  return true;
}

/** A step may have more than one round of commands; each gets the step's time, and passes get the time for copying. */
export function issueRound(turn: Turn, step: Step, kinds: CommandKind[]): void {
  for (const kind of kinds) send(turn, kind);
  const msMax = roundMsMax(step, kinds);
  const healthMs = step === 'verifying' ? healthTimeoutOf(turn.saga) * 1000 + limits.health.answerMsMax : 0;
  turn.saga.deadline_at = turn.now + msMax + healthMs;
}

export function send<K extends CommandKind>(turn: Turn, kind: K): void {
  const { saga } = turn;
  saga.issued += 1;
  // Padded, so that ids sort in the order they were issued. With the time, since a database that was restored to an earlier
  // moment issues the same numbers again, and an agent answers a known id with the result that it has.
  const id = `${saga.id}.${String(saga.issued).padStart(4, '0')}.${turn.now.toString(36)}`;
  const host = hostOf(saga, kind);
  const payload = payloadOf(saga, kind) as CommandPayload<K>;
  saga.awaiting.push({ id, kind, host });
  turn.commands.push({ id, host, epoch: saga.epoch, kind, payload } as SagaCommand);
}

/** Nobody waits for these any more; agents that still work on them are told by the next epoch. */
export function forgetAwaited(turn: Turn): void {
  turn.closed.push(...turn.saga.awaiting.map(({ id }) => id));
  turn.saga.awaiting = [];
}

/** When what failed without end in sight is tried again: after an eighth of its age, within bounds. */
export function nextTryAt({ saga, now }: Turn): number {
  const clocks = Object.values(saga.steps).map(({ started_at, ended_at }) => ended_at ?? started_at);
  const ageMs = now - Math.max(saga.window?.completed_at ?? 0, ...clocks);
  const { attentionRetryMsMin, attentionRetryMsMax } = limits.control;
  return now + Math.min(attentionRetryMsMax, Math.max(attentionRetryMsMin, ageMs / 8));
}
