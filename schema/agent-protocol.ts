import { z } from 'zod';
import { errorCodes } from './errors.ts';
import {
  hostFacts,
  joinedNetwork,
  resources,
  stackFacts,
  stackImage,
  stackSummary,
  stackVolume,
  targetFacts,
  unwellStates,
} from './facts.ts';
import { limits } from './limits.ts';

/**
 * The control link: JSON text messages over one WebSocket, agent → worker.
 *
 *   agent                                 worker
 *   hello ───────────────────────────────▶
 *         ◀─────────────────────────────── welcome
 *         ◀─────────────────────────────── command …      owed ones first, oldest first
 *   progress … ──────────────────────────▶
 *   result ──────────────────────────────▶               repeated until acknowledged
 *         ◀─────────────────────────────── result_ack
 *         ◀─────────────────────────────── request       reads only, not journaled
 *   answer ──────────────────────────────▶
 *   ask (ticket, lease) ─────────────────▶
 *         ◀─────────────────────────────── reply
 *   "ping" ──────────────────────────────▶ "pong"        by the platform, without waking anything
 *
 * Each side speaks a range of versions, which overlaps with that of the release before and after; the welcome says which
 * one is spoken. A reader ignores fields and types of messages that it does not know, and takes an error code that it does
 * not know for `command_failed`.
 *
 * A command changes the host and has an id and its migration's epoch. The agent journals it before and after; a
 * repeat gets the stored result, an older epoch is refused (`epoch_stale`).
 */
export const controlProtocol = { min: 1, max: 2 } as const;
/** From which version on a large inventory comes in pieces. */
export const inventoryPiecesSince = 2;

/** The newest version that both sides speak, null where there is none. */
export function commonVersion(theirs: { min: number; max: number }): number | null {
  const version = Math.min(theirs.max, controlProtocol.max);
  return version >= Math.max(theirs.min, controlProtocol.min) ? version : null;
}

const text = z.string().max(4096);
const id = z.string().max(64);

// ---------------------------------------------------------------- commands

const project = { project: text };

export const relayAddress = z.object({ id, host: text, port: z.number().int() });
export type RelayAddress = z.infer<typeof relayAddress>;

/** How the stack is created on the target: names of the project's files relative to `working_dir`. */
export const deployment = z.object({
  ...project,
  /** The project directory on the source, and where it goes on the target. */
  source_dir: text,
  target_dir: text,
  config_files: z.array(text),
  env_files: z.array(text),
  services: z.array(text),
  /** Services that are jobs: they must end with exit code 0. */
  one_shots: z.array(text),
  /** Containers of each service; one that is not here has as many as the file says. */
  scale: z.record(text, z.number().int()).optional(),
  /** Paths that the shell which started the stack had in its variables (`HOME`, `PWD`), where the file uses them. */
  environment: z.record(text, text).optional(),
  /** Networks that the file does not name. */
  joined_networks: z.array(joinedNetwork).optional(),
  /** Services that did not simply run before the move, which are judged by what they were. */
  before: z.array(z.object({ service: text, state: z.enum(unwellStates) })).default([]),
});
export type Deployment = z.infer<typeof deployment>;

/** As the engine names them. */
export const containerStates = ['created', 'running', 'restarting', 'paused', 'exited', 'dead', 'removing'] as const;

/** A container as it was before the first command that changed it. */
export const containerPrior = z.object({
  id: text,
  name: text,
  service: text,
  running: z.boolean(),
  restart_policy: z.object({ name: text, maximum_retry_count: z.number().int() }),
  /** Null where it was not recorded: by the release before. */
  state: z.enum(containerStates).nullable().default(null),
  health: z.enum(['starting', 'healthy', 'unhealthy']).nullable().default(null),
  /** What it was made from; null where the engine has no images. */
  image: z.object({ reference: text, id: text, digest: text.nullable() }).nullable().default(null),
});
export type ContainerPrior = z.infer<typeof containerPrior>;

/** What passed through one lane, as its sender and its receiver counted it. */
const passage = z.object({ lane: text, bytes: z.number(), sha256: z.string() });
export type Passage = z.infer<typeof passage>;
/** Proof of one item: what passed, and the digest of its manifest read back from the disk. */
export const itemProof = passage.extend({ manifest_sha256: z.string(), entries: z.number().int() });
export type LaneProof = z.infer<typeof itemProof>;
const manifest = z.object({ sha256: z.string(), entries: z.number().int() });

const empty = z.object({});
const stopped = z.object({
  prior: z.array(containerPrior),
  /** Containers that did not end within their stop timeout. */
  killed: z.array(text),
});
const removal = z.object({ removed: z.array(text), remaining: z.array(z.object({ what: text, why: text })) });
const health = {
  payload: z.object({ deployment, timeout_s: z.number().int(), settle_ms: z.number().int() }),
  result: z.object({
    services: z.array(z.object({ service: text, state: text })),
    /** What was verified runs at least until then, by the control plane's clock. Null from an agent that cannot tell. */
    lease_until: z.number().nullable().default(null),
  }),
};
/** The containers seen running afterwards. */
const armed = z.object({ running: z.array(text).default([]) });
/** An image that goes from engine to engine; the target has that many of its layers, from the lowest. */
export const shippedImage = stackImage.extend({ layers_present: z.number().int() });
export type ShippedImage = z.infer<typeof shippedImage>;
const laneVolume = z.object({ lane: text, volume: text });
const carried = {
  ...project,
  peer: id,
  items: z.array(laneVolume),
  /** Only what changed since `warm_source`: the volumes hold the rest. */
  changes: z.boolean(),
  /** Manifests hold the contents of files too. */
  contents: z.boolean(),
};

/** Lanes of a project directory in a pre-copy: for the passes, and for what changed since. */
export const warmProjectLane = 'wproject';
export const changesLane = 'project.changes';
/** The project directory goes as what changed since `warm_source`; null where it goes whole. */
const projectChanges = z
  .object({
    blocks: z.boolean(),
    /** The proof holds the contents of files too. */
    contents: z.boolean(),
  })
  .nullable()
  .default(null);

/**
 * kind → payload and result. A field that is added has a `.default()`: agents and sagas of the release before are read.
 * First the way out, source and target; then the safety window, source and target.
 */
export const commandKinds = {
  prepare_source: {
    payload: z.object({ ...project, source_dir: text, volumes: z.array(text) }),
    /** Sizes measured by reading, so that progress has true totals. */
    result: z.object({ sizes: z.array(z.object({ volume: text, bytes: z.number() })) }),
  },
  stop_stack: {
    payload: z.object(project),
    result: stopped,
  },
  /** Images that the target can't pull, but for the layers it has. */
  send_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  /** Passes over the volumes of the running stack, until they no longer shrink. */
  warm_source: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      blocks: z.boolean(),
      /** A project directory that is too large for `stage_source`. */
      source_dir: text.nullable().default(null),
    }),
    result: z.object({
      passages: z.array(passage),
      /** Of each volume, what each pass carried. */
      passes: z.array(z.object({ volume: text, bytes: z.array(z.number()), ms: z.array(z.number()) })),
    }),
  },
  /** The project directory while the stack runs, so that its containers can be made before the stop. */
  stage_source: {
    payload: z.object({ ...project, peer: id, source_dir: text }),
    result: z.object({ passage }),
  },
  send_volumes: {
    payload: z.object({
      ...carried,
      blocks: z.boolean(),
      /** The project directory, where `stage_source` sent it. */
      staged_dir: text.nullable(),
    }),
    result: z.object({
      proofs: z.array(itemProof),
      /** What that directory holds at rest, contents included. */
      staged: manifest.nullable(),
    }),
  },
  send_project: {
    payload: z.object({ ...project, peer: id, source_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  restore_source: {
    payload: z.object({ ...project, deployment: deployment.nullable().default(null) }),
    result: z.object({ running: z.array(text) }),
  },
  /** The stack has a new home; what is here is the retained copy. */
  retain_source: { payload: z.object(project), result: empty },

  prepare_target: {
    payload: z.object({ deployment, volumes: z.array(stackVolume), images: z.array(stackImage) }),
    result: z.object({ volumes: z.array(text) }),
  },
  receive_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  warm_target: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      target_dir: text.nullable().default(null),
    }),
    result: z.object({ passages: z.array(passage) }),
  },
  /** The project directory received, and the stack's containers made from it: restart policies off, none started. */
  stage_target: {
    payload: z.object({ deployment, peer: id }),
    /** The manifest holds the contents of files too. */
    result: z.object({ proof: itemProof }),
  },
  receive_volumes: {
    payload: z.object(carried),
    result: z.object({ proofs: z.array(itemProof) }),
  },
  receive_project: {
    payload: z.object({ ...project, peer: id, target_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  deploy: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_health: health,
  /** The migration is completed: start what a lapsed lease stopped, set the policies as the file says, drop the lease. */
  arm_target: { payload: z.object({ deployment }), result: armed },
  /** Stop what this migration started; answered only when none of it runs. */
  stop_target: { payload: z.object(project), result: empty },
  /** Remove what this migration made, by recorded ids, nothing else. */
  cleanup_target: { payload: z.object(project), result: removal },

  /** Is what the source kept whole: records, volumes, project directory? Changes nothing. */
  check_retained: { payload: z.object({ deployment, volumes: z.array(text) }), result: empty },
  /** The recorded containers again, made anew where they are gone; restart policies off, under a lease. */
  revive_source: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_source: health,
  /** The migration is rolled back: policies as they were, no lease any more. */
  arm_source: { payload: z.object({ deployment }), result: armed },
  /** Stop what `revive_source` started; answered only when none of it runs. */
  stop_source: { payload: z.object(project), result: empty },
  /** Remove what the migration recorded as its source, whoever made it; nothing else. */
  purge_source: { payload: z.object({ deployment, volumes: z.array(text) }), result: removal },

  /** Record, disarm and stop the stack in its new home. */
  halt_target: { payload: z.object(project), result: stopped },
  /** Put back what `halt_target` stopped. */
  resume_target: { payload: z.object(project), result: z.object({ running: z.array(text) }) },
  /** Remove what a rolled back migration left here. */
  purge_target: { payload: z.object(project), result: removal },
} as const;
export type CommandKind = keyof typeof commandKinds;
export type CommandPayload<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['payload']>;
export type CommandResult<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['result']>;
export const commandKindNames = Object.keys(commandKinds) as [CommandKind, ...CommandKind[]];

export const command = z.object({
  type: z.literal('command'),
  id,
  migration_id: id,
  epoch: z.number().int().positive(),
  kind: z.enum(commandKindNames),
  /** Checked against `commandKinds[kind].payload` by the receiver. */
  payload: z.unknown(),
});
export type Command = z.infer<typeof command>;

// ---------------------------------------------------------------- requests

/** Questions that change nothing that is kept. */
export const requestKinds = {
  /** `helper: true` also makes the helper image ready where it can be. */
  probe: { payload: z.object({ relays: z.array(relayAddress) }), answer: hostFacts },
  inspect_stack: { payload: z.object(project), answer: stackFacts },
  check_target: { payload: z.object({ stack: stackFacts, migration_id: id.nullable() }), answer: targetFacts },
  /** Is this command still being worked on? */
  command_status: {
    payload: z.object({ command_id: id }),
    answer: z.object({ state: z.enum(['running', 'done', 'unknown']) }),
  },
  /** To the source, while it sends; what a new connection is bound to comes with its ticket. */
  limit_bandwidth: {
    payload: z.object({ migration_id: id, bytes_per_s: z.number().nullable() }),
    answer: empty,
  },
} as const;
export type RequestKind = keyof typeof requestKinds;
export type RequestPayload<K extends RequestKind> = z.infer<(typeof requestKinds)[K]['payload']>;
export type RequestAnswer<K extends RequestKind> = z.infer<(typeof requestKinds)[K]['answer']>;
export const requestKindNames = Object.keys(requestKinds) as [RequestKind, ...RequestKind[]];

export const request = z.object({
  type: z.literal('request'),
  id,
  kind: z.enum(requestKindNames),
  payload: z.unknown(),
});

// ---------------------------------------------------------------- agent → worker

const errorCode = z.enum(errorCodes).meta({ id: 'ErrorCode' });

export const failure = z.object({
  code: errorCode,
  /** Fit for the operator's eyes: names what failed and what to do; no secret, no environment value. */
  message: z.string().max(2000),
  log_tail: z.array(z.string().max(1000)).max(50),
});
export type Failure = z.infer<typeof failure>;

/** A failure as another release words it: what is longer than the bounds is cut. */
const readFailure = z
  .object({ code: z.string(), message: z.string(), log_tail: z.array(z.string()) })
  .transform(({ code, message, log_tail }): Failure => {
    const known = errorCode.safeParse(code);
    return {
      code: known.data ?? 'command_failed',
      message: (known.success ? message : `${message} (code "${code.slice(0, 64)}", unknown here)`).slice(0, 2000),
      log_tail: log_tail.slice(-50).map((line) => line.slice(0, 1000)),
    };
  });

export const unknownOutcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({ ok: z.literal(false), error: readFailure }),
]);
export type Outcome = z.infer<typeof unknownOutcome>;

export const itemProgress = z.object({
  lane: text,
  bytes_done: z.number(),
  bytes_total: z.number().nullable(),
});
export type ItemProgress = z.infer<typeof itemProgress>;

export const askKinds = {
  /** One dial's ticket for one lane of a running migration, and the relay to take it to. */
  ticket: {
    payload: z.object({
      migration_id: id,
      lane: text,
      /** Relays that did not take this host to its peer just now: another is chosen, for both sides. */
      unreachable: z.array(id).max(limits.relay.unreachableMax).optional(),
    }),
    reply: z.object({
      ticket: z.string(),
      relay: relayAddress,
      /** Bytes per second that the source may send for this migration. */
      bandwidth_limit: z.number().nullable(),
      /** To the source: where the target says that it can be reached without a relay. */
      direct: z.object({ host: text, port: z.number().int() }).nullable(),
    }),
  },
  /** Leave to keep the target's containers running for `lease_ms` from when this was asked. */
  lease: {
    payload: z.object({ migration_id: id, epoch: z.number().int() }),
    reply: z.object({
      granted: z.boolean(),
      lease_ms: z.number(),
      /** By the control plane's clock. */
      granted_at: z.number().optional(),
    }),
  },
} as const;
export type AskKind = keyof typeof askKinds;
export type AskPayload<K extends AskKind> = z.infer<(typeof askKinds)[K]['payload']>;
export type AskReply<K extends AskKind> = z.infer<(typeof askKinds)[K]['reply']>;

const leftover = z.object({ project: text, migration_id: id });
export type Leftover = z.infer<typeof leftover>;

export const agentMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** The oldest that it speaks: all that 0.1.0 reads. */
    version: z.number().int(),
    versions: z.object({ min: z.number().int(), max: z.number().int() }).optional(),
    agent_version: text,
    /** Random, made anew by each process: two of them alive at once with one certificate are a clone. */
    instance_id: id.min(16),
    /** Where agents reach this relay, or sources this host without one; null for a host that listens nowhere. */
    address: z.object({ host: text, port: z.number().int() }).nullable(),
  }),
  z.object({
    type: z.literal('inventory'),
    stacks: z.array(stackSummary),
    /** What the host's ledger knows as a copy that a migration left there. */
    leftovers: z.array(leftover).optional(),
    /** Where one message does not hold them all. */
    piece: z.object({ id, index: z.number().int().nonnegative(), count: z.number().int().positive() }).optional(),
  }),
  z.object({ type: z.literal('metrics'), resources }),
  z.object({ type: z.literal('result'), command_id: id, outcome: unknownOutcome }),
  z.object({ type: z.literal('answer'), request_id: id, outcome: unknownOutcome }),
  z.object({
    type: z.literal('progress'),
    migration_id: id,
    command_id: id,
    /** Empty for commands that only say "still at it". */
    items: z.array(itemProgress),
  }),
  z.object({
    type: z.literal('ask'),
    ask_id: id,
    kind: z.enum(['ticket', 'lease']),
    payload: z.unknown(),
  }),
]);
export type AgentMessage = z.infer<typeof agentMessage>;

// ---------------------------------------------------------------- worker → agent

export const controlMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    id,
    fleet_id: id,
    /** The version that is spoken; 0.1.0 does not say. */
    version: z.number().int().optional(),
    now_ms: z.number(),
    /** For relays: the key that signs tickets (JWK) and the hosts whose certificates are revoked. */
    relay: z.object({ ticket_key: z.record(z.string(), z.unknown()), revoked: z.array(id) }).nullable(),
  }),
  /** To relays: this host was deleted; cut its sessions. */
  z.object({ type: z.literal('revoked'), host_id: id }),
  command,
  request,
  z.object({ type: z.literal('result_ack'), command_id: id }),
  z.object({ type: z.literal('reply'), ask_id: id, outcome: unknownOutcome }),
]);
export type ControlMessage = z.infer<typeof controlMessage>;

// ---------------------------------------------------------------- enrolment (HTTP)

export const enrollRequest = z
  .strictObject({
    join_token: z.string().max(200),
    /** PKCS #10, PEM. Its subject and extensions are ignored; its key must be EC P-256. */
    csr: z.string().max(8192),
  })
  .meta({ id: 'EnrollRequest' });
export const renewRequest = z.strictObject({ csr: z.string().max(8192) }).meta({ id: 'RenewRequest' });
export const enrollResponse = z
  .object({
    id,
    kind: z.enum(['host', 'relay']),
    name: text,
    fleet_id: id,
    certificate: z.string(),
    ca: z.string(),
  })
  .meta({ id: 'EnrollResponse' });
export type EnrollResponse = z.infer<typeof enrollResponse>;

/** Audience of the tokens that agents and relays sign to connect. */
export const agentTokenAudience = 'stackferry-control';
/** Where agents and relays connect, below the control plane's origin. */
export const agentPaths = {
  enroll: '/api/v1/enroll',
  renew: '/api/v1/enroll/renew',
  connect: '/api/v1/agents/connect',
} as const;
