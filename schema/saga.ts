import { z } from 'zod';
import {
  type CommandKind,
  type CommandPayload,
  type CommandResult,
  commandKindNames,
  commandKinds,
  deployment,
  failure,
  shippedImage,
} from './agent-protocol.ts';
import { stackImage, stackVolume } from './facts.ts';
import { modes, statuses, steps, verifications } from './migration-status.ts';

/**
 * The saga's record: all that `advance()` reads and writes. Plain data, stored whole with each transition and parsed
 * whenever it is read. A release reads what the one before stored, so a new field has a `.default()`, and whatever else
 * changes takes a new version with an upcaster in `saga-versions.ts`.
 */

const time = z.number();

const stepClock = z.object({ started_at: time, ended_at: time.nullable() });

const sagaFailure = failure.extend({ step: z.enum(steps) });
export type SagaFailure = z.infer<typeof sagaFailure>;

const sagaPlan = z.object({
  deployment,
  volumes: z.array(stackVolume),
  /** On the target already, or to be pulled there. */
  images: z.array(stackImage),
  /** To be sent there before the stop. */
  shipped: z.array(shippedImage),
  /** Large files go by their changed blocks. */
  blocks: z.boolean(),
  /** A pre-copy makes the containers before the stop. */
  staged: z.boolean(),
  /** What the file's healthchecks take at the longest. */
  health_wait_s: z.number().default(0),
});
export type SagaPlan = z.infer<typeof sagaPlan>;

/**
 * One copy is stopped, then the other is put back: after a failed `migration` the target is stopped and the source put
 * back, after a failed `rollback` the other way round.
 */
const undo = z.object({
  from: z.enum(['migration', 'rollback']),
  phase: z.enum(['stop', 'restore']),
  /** Failures a host answered with, since the phase began or a person asked for a retry. */
  tries: z.number(),
  /** It answered that it could not stop: its lease can't be trusted any more. */
  stop_refused: z.boolean(),
});
export type Undo = z.infer<typeof undo>;

const purge = z.object({
  requested_at: time,
  done_at: time.nullable(),
  /** What could not be deleted, at the latest try. */
  remaining: commandKinds.purge_source.result.shape.remaining,
  /** Nothing was deleted: the host left the fleet, and whatever it keeps is its owner's. */
  host_deleted: z.boolean().optional(),
});
export type Purge = z.infer<typeof purge>;
export type Remaining = Purge['remaining'][number];

/** After `completed` the source is kept. Times are epoch milliseconds. */
const safetyWindow = z.object({
  completed_at: time,
  ends_at: time,
  reminded_at: time.nullable(),
  /** The retained copy was seen running, and not stopped since. */
  copy_running: z.boolean(),
  /** From the moment it is set there is no rollback. */
  source_purge: purge.nullable(),
  /** Of what a rolled back migration left on the target. */
  target_purge: purge.nullable(),
});
export type SafetyWindow = z.infer<typeof safetyWindow>;

export const rollbackPhases = ['checking', 'halting', 'reviving', 'proving'] as const;
export type RollbackPhase = (typeof rollbackPhases)[number];

const rollback = z.object({
  phase: z.enum(rollbackPhases),
  requested_at: time,
  ended_at: time.nullable(),
  failure: failure.extend({ phase: z.enum(rollbackPhases) }).nullable(),
  /** It began before the target had its restart policies: to put the target back means to arm it. */
  unarmed: z.boolean().default(false),
  /** A person declared the target lost: it is not halted first, and stopped should it come back. */
  target_lost: z.boolean().default(false),
});
export type Rollback = z.infer<typeof rollback>;

/** What a person may declare where a migration waits for what may never come. */
export const resolutions = ['source_lost', 'target_lost', 'give_up'] as const;
export type Resolution = (typeof resolutions)[number];

/** What a person needs who has to mend something: where the copies are, and what to do. */
export const attention = z.object({
  why: z.string(),
  source: z.string(),
  target: z.string(),
  todo: z.string(),
  resolutions: z
    .array(z.object({ resolution: z.enum(resolutions), consequence: z.string() }))
    .default([])
    .describe('The ways to end the wait by decision, with what each does.'),
});
export type Attention = z.infer<typeof attention>;

/** The end is committed; its host has yet to confirm that the stack runs there. */
const arming = z.object({
  end: z.enum(['completed', 'rolled_back']),
  /** Failures the host answered with, since the end or a person's retry. */
  tries: z.number(),
  /** Without an answer by then a person is asked. */
  attention_at: time,
});
export type Arming = z.infer<typeof arming>;

const awaitedCommand = z.object({ id: z.string(), kind: z.enum(commandKindNames), host: z.string() });

type Results = { [K in CommandKind]?: CommandResult<K> };
const results = z.object(
  Object.fromEntries(commandKindNames.map((kind) => [kind, commandKinds[kind].result.optional()])),
) as unknown as z.ZodType<Results>;

/** Of the newest form of a saga; `readSaga` brings older ones to it. */
export const sagaVersion = 1;

export const saga = z.object({
  v: z.literal(sagaVersion),
  id: z.string(),
  status: z.enum(statuses),
  source: z.string(),
  target: z.string(),
  /** Rises whenever the direction changes; agents refuse commands of an older one. */
  epoch: z.number(),
  mode: z.enum(modes),
  verify: z.enum(verifications),
  health_timeout_s: z.number(),
  /** How long the source is kept after `completed`. */
  window_ms: z.number(),
  /** From the pre-flight; null before it passed. */
  plan: sagaPlan.nullable(),
  /** Volumes that turned out to differ after a pre-copy, and were sent again as a whole. */
  sent_whole: z.array(z.string()),
  /** Results of this migration's commands, by kind. */
  results,
  /** Commands whose answer is awaited. */
  awaiting: z.array(awaitedCommand),
  /** Commands that failed and are issued again at the deadline. */
  retry: z.array(z.enum(commandKindNames)),
  /** Commands issued so far: numbers their ids. */
  issued: z.number(),
  steps: z.partialRecord(z.enum(steps), stepClock),
  /** When `overdue` is due; null where nothing is waited for. */
  deadline_at: time.nullable(),
  /** Why it goes back; kept for good. */
  failure: sagaFailure.nullable(),
  cancel_requested: z.boolean(),
  undo: undo.nullable(),
  /** Set by `completed`. */
  window: safetyWindow.nullable(),
  /** The newest one asked for; a failed one leaves the migration `completed`. */
  rollback: rollback.nullable(),
  /** Set with `needs_attention`, for as long as it lasts. */
  attention: attention.nullable(),
  /** Set with a terminal state whose stack has yet to be confirmed running without a lease. */
  arming: arming.nullable().default(null),
  /** Proofs of health that came too late for the lease they were given under. */
  late_proofs: z.number().default(0),
  /** A person declared the source lost: should it come back, its copy is stopped. */
  source_lost: z.boolean().default(false),
});
export type Saga = z.infer<typeof saga>;

export type SagaCommand = {
  [K in CommandKind]: { id: string; host: string; epoch: number; kind: K; payload: CommandPayload<K> };
}[CommandKind];
