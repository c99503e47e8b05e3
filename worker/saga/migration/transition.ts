import type { CommandKind, CommandPayload } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Step } from '../../../schema/migration-status.ts';
import type { Saga, SagaCommand } from '../../../schema/saga.ts';
import { healthTimeoutOf, hostOf, payloadOf, startWaitOf } from './command-payloads.ts';

/** The result of one event. `closed` lists commands whose answer is no longer awaited. */
export interface Transition {
  saga: Saga;
  commands: SagaCommand[];
  closed: string[];
  events: MigrationEvent[];
  /** Latest commit time, because the proof is valid until then. Null if there is no limit. */
  commit_by: number | null;
}

/** An entry of the migration's event log. */
export interface MigrationEvent {
  kind: 'status' | 'failure' | 'notice' | 'cleanup_due';
  data: Record<string, unknown>;
}

/** A transition in progress; `saga` is a copy. */
export interface TransitionDraft extends Transition {
  now: number;
}

export function startDraft(saga: Saga, now: number): TransitionDraft {
  return { saga: structuredClone(saga), now, commands: [], closed: [], events: [], commit_by: null };
}

export function recordEvent(draft: TransitionDraft, kind: MigrationEvent['kind'], data: Record<string, unknown>): void {
  draft.events.push({ kind, data });
}

/** The first commands of each step are sent together; the step ends when all are answered. */
export const stepCommands: { [S in Step]: { kinds: CommandKind[]; msMax: number } } = {
  preflight: { kinds: [], msMax: limits.step.preflightMsMax },
  preparing: { kinds: ['prepare_source', 'prepare_target'], msMax: limits.step.preparingMsMax },
  holding: { kinds: ['pass_source', 'pass_target'], msMax: limits.step.transferringMsMax },
  stopping: { kinds: ['stop_stack'], msMax: limits.step.stoppingMsMax },
  transferring: { kinds: ['send_volumes', 'receive_volumes'], msMax: limits.step.transferringMsMax },
  shipping: { kinds: ['send_project', 'receive_project'], msMax: limits.step.shippingMsMax },
  deploying: { kinds: ['deploy'], msMax: limits.step.deployingMsMax },
  verifying: { kinds: ['verify_health'], msMax: 0 },
};

const passes: readonly CommandKind[] = ['warm_source', 'warm_target', 'pass_source', 'pass_target'];
const roundMsMax = (step: Step, kinds: CommandKind[]) =>
  stepCommands[kinds.some((kind) => passes.includes(kind)) ? 'transferring' : step].msMax;

/**
 * Renews the deadline of a round while bytes are transferred, but only once half the time is spent: not every progress
 * report is worth a transition.
 */
export function extendRound({ saga, now }: TransitionDraft, step: Step): boolean {
  if (!['preparing', 'holding', 'transferring', 'shipping'].includes(step) || saga.deadline_at === null) return false;
  const msMax = roundMsMax(
    step,
    saga.awaiting.map(({ kind }) => kind),
  );
  if (saga.deadline_at - now > msMax / 2) return false;
  saga.deadline_at = now + msMax;
  return true;
}

/** Each round of a step gets the full time of the step; pre-copy passes get the time for copying. */
export function issueRound(draft: TransitionDraft, step: Step, kinds: CommandKind[]): void {
  for (const kind of kinds) send(draft, kind);
  const msMax = roundMsMax(step, kinds);
  draft.saga.deadline_at = draft.now + msMax + healthWaitMs(draft.saga, step);
}

/** The time that a step gives the stack's own healthchecks. */
function healthWaitMs(saga: Saga, step: Step): number {
  if (step === 'deploying') return startWaitOf(saga) * 1_000;
  return step === 'verifying' ? healthTimeoutOf(saga) * 1_000 + limits.health.answerMsMax : 0;
}

export function send<K extends CommandKind>(draft: TransitionDraft, kind: K): void {
  const { saga } = draft;
  saga.issued += 1;
  // Padded, so that ids sort in issue order. The time is included because a restored database issues the same numbers
  // again, and an agent answers a known id with its journaled result.
  const id = `${saga.id}.${String(saga.issued).padStart(4, '0')}.${draft.now.toString(36)}`;
  const host = hostOf(saga, kind);
  const payload = payloadOf(saga, kind) as CommandPayload<K>;
  saga.awaiting.push({ id, kind, host });
  draft.commands.push({ id, host, epoch: saga.epoch, kind, payload } as SagaCommand);
}

/** Stops waiting for all commands; the next epoch tells agents to abort them. */
export function forgetAwaited(draft: TransitionDraft): void {
  draft.closed.push(...draft.saga.awaiting.map(({ id }) => id));
  draft.saga.awaiting = [];
}

/** The epoch rises, so that the side that still works on the round ends it. */
export function dropRound(draft: TransitionDraft): void {
  forgetAwaited(draft);
  draft.saga.epoch += 1;
}

/** When to retry a lasting failure: after an eighth of its age, within limits. */
export function nextTryAt({ saga, now }: TransitionDraft): number {
  const clocks = Object.values(saga.steps).map(({ started_at, ended_at }) => ended_at ?? started_at);
  const ageMs = now - Math.max(saga.window?.completed_at ?? 0, ...clocks);
  const { attentionRetryMsMin, attentionRetryMsMax } = limits.control;
  return now + Math.min(attentionRetryMsMax, Math.max(attentionRetryMsMin, ageMs / 8));
}
