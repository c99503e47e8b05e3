import { z } from 'zod';
import { failure } from './agent-protocol.ts';
import { externalNetwork, shippedImage } from './commands/parts.ts';
import {
  type CommandKind,
  type CommandPayload,
  type CommandResult,
  commandKindNames,
  commandKinds,
} from './commands.ts';
import { contentDigestName } from './content-digest.ts';
import { deployment } from './deployment.ts';
import { portNumber } from './fact-values.ts';
import { stackImage, stackVolume } from './facts.ts';
import { forwardedPorts, forwardingPhases } from './forwarding.ts';
import { modes, statuses, steps, verifications } from './migration-status.ts';
import { moveOptions } from './move-options.ts';

/**
 * The saga's record: all that `advance()` reads and writes. Plain data, stored whole with each transition and parsed at
 * each read. A release reads what the previous one stored, so a new field needs a `.default()`, and any other change a
 * new version with an upcaster in `worker/tables/saga-versions.ts`.
 */

const time = z.number();

const stepClock = z.object({ started_at: time, ended_at: time.nullable() });

const sagaFailure = failure.extend({ step: z.enum(steps) });
export type SagaFailure = z.infer<typeof sagaFailure>;

const sagaPlan = z.object({
  deployment,
  volumes: z.array(stackVolume),
  /** Data of bind mounts: its path on the source, and its place on the target. */
  binds: z.array(z.object({ path: z.string(), place: z.string() })).default([]),
  /** To be made on the target. */
  networks: z.array(externalNetwork).default([]),
  /** To be made on the target, from options alone. */
  option_volumes: z.array(stackVolume).default([]),
  /** Present on the target, or to be pulled there. */
  images: z.array(stackImage),
  /** To be pulled there with the source's registry logins. */
  private_images: z.array(stackImage).default([]),
  /** To be sent to the target before the stop. */
  shipped: z.array(shippedImage),
  /** Large files are sent by changed blocks. */
  blocks: z.boolean(),
  /** In the manifests that include contents. */
  content_digest: contentDigestName.default('sha256'),
  /** The containers are created before the stop (pre-copy only). */
  staged: z.boolean(),
  /** Ports whose connections and datagrams can be forwarded. */
  forwarded_ports: forwardedPorts.default([]),
  /** Relays that both hosts reached, with the sum of their round trips. */
  relay_paths: z.array(z.object({ id: z.string(), rtt_ms: z.number() })).default([]),
  /** Both hosts can pass once more before the stop (pre-copy only). */
  last_pass: z.boolean().default(false),
  /** Longest time the file's healthchecks take, and the time of all of them, one after the other. */
  health_wait_s: z.number().default(0),
  start_wait_s: z.number().default(0),
});
export type SagaPlan = z.infer<typeof sagaPlan>;

/**
 * Stops one copy, then restores the other: a failed `migration` stops the target and restores the source, a failed
 * `rollback` the reverse.
 */
const undo = z.object({
  from: z.enum(['migration', 'rollback']),
  phase: z.enum(['stop', 'restore']),
  /** Failed answers of a host, since the phase began or a person asked for a retry. */
  tries: z.number(),
  /** The host answered that it could not stop: its lease can't be trusted any more. */
  stop_refused: z.boolean(),
});
export type Undo = z.infer<typeof undo>;

const purge = z.object({
  requested_at: time,
  done_at: time.nullable(),
  /** Objects that could not be deleted at the latest try. */
  remaining: commandKinds.purge_source.result.shape.remaining,
  /** Directories that stay, with only what the migration left out in them. */
  left_out: z.array(z.string()).default([]),
  /** Nothing was deleted: the host had left the fleet; its copy is the operator's. */
  host_deleted: z.boolean().optional(),
});
export type Purge = z.infer<typeof purge>;
export type Remaining = Purge['remaining'][number];

/** Retention of the source after `completed`. Times are epoch milliseconds. */
const safetyWindow = z.object({
  completed_at: time,
  ends_at: time,
  reminded_at: time.nullable(),
  /** The retained copy was seen running, and not stopped since. */
  copy_running: z.boolean(),
  /** Somebody started the retained copy at some time, so it may hold what is nowhere else. */
  copy_ran: z.boolean().default(false),
  /** Once set, no rollback is possible. */
  source_purge: purge.nullable(),
  /** Purge of what a rolled-back migration left on the target. */
  target_purge: purge.nullable(),
});
export type SafetyWindow = z.infer<typeof safetyWindow>;

/** A migration that waits before the stop, while passes go on. */
const held = z.object({
  /** When it cuts over by itself; null: on request alone. */
  cut_over_at: time.nullable(),
  /** Asked for, or due: the stop follows the pass that is under way, or one more. */
  cutting_over: z.boolean().default(false),
  /** Rounds of passes begun; their lanes are named by it. */
  rounds: z.number().default(0),
  /** The latest round that arrived: what it carried, and how long the source took. */
  last: z.object({ ended_at: time, bytes: z.number(), ms: z.number() }).nullable().default(null),
  /** Rounds that failed in a row. */
  tries: z.number().default(0),
  /** Since when; null while rounds arrive. */
  failing_since: time.nullable().default(null),
  /** How the running stack differs from the one that was checked; a cutover is refused while it does. */
  changes: z.array(z.string()).default([]),
});
export type Held = z.infer<typeof held>;

/** Connections that still come to the source. */
const forwarding = z.object({
  /** `released`: they reach the source's own stack again. `ended`: for good. */
  phase: z.enum(forwardingPhases),
  /** Ports whose app is sent the client's address. */
  proxied: z.array(portNumber),
  ended_at: time.nullable().default(null),
  /** Connections in the minute before it ended with the window, as the source counted them; null if it did not say. */
  last_per_minute: z.number().nullable().default(null),
});

export const rollbackPhases = ['checking', 'halting', 'reviving', 'proving'] as const;
export type RollbackPhase = (typeof rollbackPhases)[number];

const rollback = z.object({
  phase: z.enum(rollbackPhases),
  requested_at: time,
  ended_at: time.nullable(),
  failure: failure.extend({ phase: z.enum(rollbackPhases) }).nullable(),
  /** The rollback began before the target had its restart policies: restoring the target means arming it. */
  unarmed: z.boolean().default(false),
  /** A person declared the target lost: it is not halted first, but stopped if it returns. */
  target_lost: z.boolean().default(false),
});
export type Rollback = z.infer<typeof rollback>;

/** Decisions a person may take when a migration waits for something that may never come. */
export const resolutions = ['source_lost', 'target_lost', 'give_up'] as const;
export type Resolution = (typeof resolutions)[number];

/** Report to a person who must repair something: where the copies are, and what to do. */
export const attention = z.object({
  why: z.string(),
  source: z.string(),
  target: z.string(),
  todo: z.string(),
  resolutions: z
    .array(z.object({ resolution: z.enum(resolutions), consequence: z.string() }))
    .default([])
    .describe('Decisions that end the wait, with their consequences.'),
});
export type Attention = z.infer<typeof attention>;

/** The end is committed, but its host has not confirmed yet that the stack runs there. */
const arming = z.object({
  end: z.enum(['completed', 'rolled_back']),
  /** Failed answers of the host, since the end or a person's retry. */
  tries: z.number(),
  /** Deadline of the answer; after it a person is asked. */
  attention_at: time,
});
export type Arming = z.infer<typeof arming>;

const awaitedCommand = z.object({ id: z.string(), kind: z.enum(commandKindNames), host: z.string() });

type Results = { [K in CommandKind]?: CommandResult<K> };
const results = z.object(
  Object.fromEntries(commandKindNames.map((kind) => [kind, commandKinds[kind].result.optional()])),
) as unknown as z.ZodType<Results>;

/** The newest version of a saga; `readSaga` upgrades older ones to it. */
export const sagaVersion = 2;

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
  ...moveOptions.shape,
  health_timeout_s: z.number(),
  /** How long the source is kept after `completed`. */
  window_ms: z.number(),
  /** From the pre-flight; null before it passed. */
  plan: sagaPlan.nullable(),
  /** Volumes whose manifests differed after a pre-copy, and that were sent again whole. */
  sent_whole: z.array(z.string()),
  /** Results of this migration's commands, by kind. */
  results,
  /** Commands whose answer is awaited. */
  awaiting: z.array(awaitedCommand),
  /** Commands that failed and are issued again at the deadline. */
  retry: z.array(z.enum(commandKindNames)),
  /** Number of commands issued so far; the next one's id derives from it. */
  issued: z.number(),
  steps: z.partialRecord(z.enum(steps), stepClock),
  /** When `overdue` is due; null if nothing is awaited. */
  deadline_at: time.nullable(),
  /** Why the migration reverted; never cleared. */
  failure: sagaFailure.nullable(),
  cancel_requested: z.boolean(),
  undo: undo.nullable(),
  /** Set if `hold` was asked for. */
  held: held.nullable().default(null),
  /** Set if `forward` was asked for. */
  forwarding: forwarding.nullable().default(null),
  /** Last passes begun before the stop of a pre-copy that does not hold; their lanes are named by it. */
  last_passes: z.number().default(0),
  /** Set by `completed`. */
  window: safetyWindow.nullable(),
  /** The latest rollback requested; a failed one leaves the migration `completed`. */
  rollback: rollback.nullable(),
  /** Set while the status is `needs_attention`. */
  attention: attention.nullable(),
  /** Set with a terminal state until the stack is confirmed running without a lease. */
  arming: arming.nullable().default(null),
  /** Proofs of health that came too late for their lease. */
  late_proofs: z.number().default(0),
  /** A person declared the source lost: if it returns, its copy is stopped. */
  source_lost: z.boolean().default(false),
  /** Set in the record by a restore: it may be older than what its hosts know. */
  distrust: z.boolean().default(false),
  /** The record was found to be older: both hosts are asked for their own records first. */
  telling: z.boolean().default(false),
  /** Id of the request that began it or acted on it last. */
  trace_id: z.string().nullable().default(null),
  /** Number of times it was found older. */
  restorations: z.number().default(0),
});
export type Saga = z.infer<typeof saga>;

export type SagaCommand = {
  [K in CommandKind]: { id: string; host: string; epoch: number; kind: K; payload: CommandPayload<K> };
}[CommandKind];
