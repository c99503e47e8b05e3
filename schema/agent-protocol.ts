import { z } from 'zod';
import { doorAddresses } from './address.ts';
import { relayAddress } from './commands/parts.ts';
import { command } from './commands.ts';
import { zoneAndName } from './cutover-names.ts';
import { variables } from './environment.ts';
import { errorCodes } from './errors.ts';
import { excludePatterns } from './exclude-pattern.ts';
import { bytes, portNumber } from './fact-values.ts';
import { stackFacts, stackSummary } from './facts.ts';
import { trafficReport } from './forwarding.ts';
import { hostFacts, resources } from './host-facts.ts';
import { limits } from './limits.ts';
import { imageLogin } from './registry-logins.ts';
import { targetFacts } from './target-facts.ts';

/**
 * The control link: JSON text messages over one WebSocket, agent → worker.
 *
 *   agent                                 worker
 *   hello ───────────────────────────────▶
 *         ◀─────────────────────────────── welcome
 *         ◀─────────────────────────────── command …      unanswered ones first, oldest first
 *   progress … ──────────────────────────▶
 *   result ──────────────────────────────▶               repeated until acknowledged
 *         ◀─────────────────────────────── result_ack
 *         ◀─────────────────────────────── request       not journaled
 *   answer ──────────────────────────────▶
 *   ask (ticket, lease) ─────────────────▶
 *         ◀─────────────────────────────── reply
 *   "ping" ──────────────────────────────▶ "pong"        by the platform, without waking the object
 *
 * Each side speaks a range of versions, which overlaps with the previous and the next release's; the welcome names the
 * negotiated one. A reader ignores unknown fields and message types, and treats an unknown error code as
 * `command_failed`.
 *
 * A command changes the host; it carries an id and its migration's epoch. The agent journals it before and after; a
 * repeat gets the stored result, an older epoch is refused (`epoch_stale`).
 */
export const controlProtocol = { min: 1, max: 2 } as const;
/** The first version that sends a large inventory in pieces. */
export const inventoryPiecesSince = 2;

/** The newest version that both sides speak, null if there is none. */
export function commonVersion(theirs: { min: number; max: number }): number | null {
  const version = Math.min(theirs.max, controlProtocol.max);
  return version >= Math.max(theirs.min, controlProtocol.min) ? version : null;
}

const text = z.string().max(4096);
const id = z.string().max(64);

// ---------------------------------------------------------------- requests

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** What an agent says about the file it runs from. */
export const agentProgram = z.object({
  sha256,
  /** The control plane upgrades it without being asked to. */
  auto: z.boolean(),
  /** A program that was tried and did not come online. */
  failed: z.object({ sha256, why: z.string().max(500) }).nullable(),
});
export type AgentProgram = z.infer<typeof agentProgram>;

/** Requests are not journaled and not repeated: the caller waits for the answer. All but the last two only read. */
export const requestKinds = {
  /** `names`: to be looked up, for a host that is to be their new one. */
  probe: {
    payload: z.object({
      relays: z.array(relayAddress),
      names: z.array(zoneAndName).max(limits.names.namesMax).default([]),
    }),
    answer: hostFacts,
  },
  /** `environment`: what the shell that started the stack had, for what the files use. `exclude`: to be left out of the directories. */
  inspect_stack: {
    payload: z.object({ project: text, environment: variables.default({}), exclude: excludePatterns }),
    answer: stackFacts,
  },
  check_target: {
    payload: z.object({
      stack: stackFacts,
      migration_id: id.nullable(),
      /** Where the stack is; null from the previous release. */
      source_host_id: id.nullable().default(null),
      /** Where the data of bind mounts is to go. */
      bind_places: z.array(text).default([]),
    }),
    answer: targetFacts,
  },
  /** To the source: whether its registry logins give these images of the stack. */
  check_logins: {
    payload: z.object({ project: text, references: z.array(text) }),
    answer: z.object({ logins: z.array(imageLogin) }),
  },
  /** To the source: connections that still come to it. Null if it takes none for this migration. */
  traffic: {
    payload: z.object({ migration_id: id }),
    answer: z.object({ traffic: trafficReport.nullable() }),
  },
  /** State of a command. */
  command_status: {
    payload: z.object({ command_id: id }),
    answer: z.object({ state: z.enum(['running', 'done', 'unknown']) }),
  },
  /** To the source while it sends; a new connection gets its limit with its ticket. */
  limit_bandwidth: {
    payload: z.object({ migration_id: id, bytes_per_s: z.number().nullable() }),
    answer: z.object({}),
  },
  /**
   * To an idle host: fetch the agent that the control plane serves, and start it. The answer comes once it is fetched
   * and checked; the agent ends after it.
   */
  upgrade: {
    payload: z.object({ sha256, version: text, automatic: z.boolean() }),
    answer: z.object({}),
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

/** What the container of a service wrote last, redacted as the agent's log is. */
export const containerLog = z.object({
  service: z.string().max(255),
  lines: z.array(z.string().max(1000)).max(50),
});
export type ContainerLog = z.infer<typeof containerLog>;

export const failure = z.object({
  code: errorCode,
  /** For the operator: names what failed and what to do; no secret, no environment value. */
  message: z.string().max(2000),
  /** Of the agent's log. */
  log_tail: z.array(z.string().max(1000)).max(50),
  /** Of the container that failed, if one did. */
  container_log: containerLog.optional(),
});
export type Failure = z.infer<typeof failure>;

const lastOf = (lines: string[]) => lines.slice(-50).map((line) => line.slice(0, 1000));

/** A failure as another release words it: truncated to this release's bounds. */
const readFailure = z
  .object({
    ...{ code: z.string(), message: z.string(), log_tail: z.array(z.string()) },
    container_log: z.object({ service: z.string(), lines: z.array(z.string()) }).optional(),
  })
  .transform(({ code, message, log_tail, container_log: said }): Failure => {
    const known = errorCode.safeParse(code);
    const unknown = known.success ? '' : ` (code "${code.slice(0, 64)}", unknown here)`;
    return {
      code: known.data ?? 'command_failed',
      message: message.slice(0, 2000 - unknown.length) + unknown,
      log_tail: lastOf(log_tail),
      ...(said ? { container_log: { service: said.service.slice(0, 255), lines: lastOf(said.lines) } } : {}),
    };
  });

export const unknownOutcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({ ok: z.literal(false), error: readFailure }),
]);
export type Outcome = z.infer<typeof unknownOutcome>;

export const itemProgress = z.object({
  lane: text,
  bytes_done: bytes,
  bytes_total: bytes.nullable(),
});
export type ItemProgress = z.infer<typeof itemProgress>;

export const askKinds = {
  /** A ticket for one dial of one lane of a running migration, and the relay that takes it. */
  ticket: {
    payload: z.object({
      migration_id: id,
      lane: text,
      /** Relays through which this host just failed to reach its peer: another one is chosen for both sides. */
      unreachable: z.array(id).max(limits.relay.unreachableMax).optional(),
    }),
    reply: z.object({
      ticket: z.string(),
      relay: relayAddress,
      /** Bytes per second that the source may send for this migration. */
      bandwidth_limit: z.number().nullable(),
      /** To the source: the address at which the target claims to be reachable without a relay. */
      direct: z.object({ host: text, port: portNumber }).nullable(),
      /** To the source: where the target says that its door for this migration is. */
      addresses: doorAddresses,
    }),
  },
  /** Permission to keep the target's containers running for `lease_ms` from the time of the request. */
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

/** What a relay carries: pairs of hosts now, and bytes received in a second since it last said so. */
const relayLoad = z.object({ sessions: z.number().int().nonnegative(), bytes_per_s: z.number().nonnegative() });
export type RelayLoad = z.infer<typeof relayLoad>;

const leftover = z.object({ project: text, migration_id: id });
export type Leftover = z.infer<typeof leftover>;

export const agentMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** The oldest version it speaks: the only field that 0.1.0 reads. */
    version: z.number().int(),
    versions: z.object({ min: z.number().int(), max: z.number().int() }).optional(),
    agent_version: text,
    /** Absent from relays, and from agents that know no `upgrade`. */
    program: agentProgram.optional(),
    /** Random per process: two live ones with one certificate mean that it was cloned. */
    instance_id: id.min(16),
    /** Where agents reach this relay, or where sources reach this host without one; null if it does not listen. */
    address: z.object({ host: text, port: portNumber }).nullable(),
  }),
  z.object({
    type: z.literal('inventory'),
    stacks: z.array(stackSummary),
    /** Retained or left-behind copies of migrations, from the host's ledger. */
    leftovers: z.array(leftover).optional(),
    /** Set if the inventory takes more than one message. */
    piece: z.object({ id, index: z.number().int().nonnegative(), count: z.number().int().positive() }).optional(),
  }),
  z.object({
    type: z.literal('metrics'),
    resources,
    /** Of relays; absent from those of 0.1.0. */
    load: relayLoad.optional(),
  }),
  z.object({ type: z.literal('result'), command_id: id, outcome: unknownOutcome }),
  z.object({ type: z.literal('answer'), request_id: id, outcome: unknownOutcome }),
  z.object({
    type: z.literal('progress'),
    migration_id: id,
    command_id: id,
    /** Empty in a plain heartbeat. */
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

/** Over how long an idle host is to spread its return after this connection; null: as it sees fit. */
const returnSpread = z.number().nonnegative().nullable();

export const controlMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    id,
    fleet_id: id,
    /** The negotiated version; 0.1.0 does not send it. */
    version: z.number().int().optional(),
    now_ms: z.number(),
    /** For relays: the public key of tickets (JWK) and the hosts whose certificates are revoked. */
    relay: z.object({ ticket_key: z.record(z.string(), z.unknown()), revoked: z.array(id) }).nullable(),
    return_spread_ms: returnSpread.default(null),
  }),
  /** To hosts: the fleet has grown or shrunk since the welcome. */
  z.object({ type: z.literal('return_spread'), return_spread_ms: returnSpread }),
  /** To relays: this host was deleted; cut its sessions. */
  z.object({ type: z.literal('revoked'), host_id: id }),
  command,
  request,
  z.object({ type: z.literal('result_ack'), command_id: id }),
  z.object({ type: z.literal('reply'), ask_id: id, outcome: unknownOutcome }),
]);
export type ControlMessage = z.infer<typeof controlMessage>;
