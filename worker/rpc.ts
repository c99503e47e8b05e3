import type { AskReply, ItemProgress, Outcome, RelayLoad, RequestKind } from '../schema/agent-protocol.ts';
import type { AuthorityKeys } from '../schema/api/authority.ts';
import type { ProgressView } from '../schema/api/migrations.ts';
import type { RelayAddress } from '../schema/commands/parts.ts';
import type { Command } from '../schema/commands.ts';
import type { DrainRun } from '../schema/drain.ts';
import type { Resources } from '../schema/host-facts.ts';
import type { PeerKind } from '../schema/relay-protocol.ts';
import type { Resolution } from '../schema/saga.ts';
import type { DrainActOutcome } from './saga/drain/coordinator.ts';
import type { ActOutcome } from './saga/migration/operator-acts.ts';
import type { StartInput, StartOutcome } from './saga/migration/start.ts';
import type { RelayOption } from './saga/relay-selection.ts';

/** RPC interfaces of the Durable Objects. */

/** The server side of an RPC interface: methods may be synchronous. */
export type Serves<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R | Promise<R> : never;
};

export interface Later {
  /** There may be more to read. */
  committed: boolean;
  progress: ProgressView | null;
}

/** One per stack. */
export interface StackMigrationRpc {
  start(input: StartInput): Promise<StartOutcome>;
  /** `traceId`, here and below: of the request. */
  cancel(id: string, traceId?: string): Promise<ActOutcome>;
  /** `at`: epoch milliseconds; null for at once. */
  cutover(id: string, at: number | null, traceId?: string): Promise<ActOutcome>;
  retry(id: string, stopped: boolean, traceId?: string): Promise<ActOutcome>;
  resolve(id: string, resolution: Resolution, traceId?: string): Promise<ActOutcome>;
  rollback(id: string, traceId?: string): Promise<ActOutcome>;
  purge(id: string, side: 'source' | 'target', traceId?: string): Promise<ActOutcome>;
  endForwarding(id: string, traceId?: string): Promise<ActOutcome>;
  remind(id: string): Promise<void>;
  copySeen(id: string, running: boolean): Promise<void>;
  hostDeleted(id: string, host: string): Promise<void>;
  report(id: string, host: string, commandId: string, outcome: Outcome): Promise<void>;
  progress(id: string, host: string, commandId: string, items: ItemProgress[]): Promise<void>;
  progressOf(id: string): Promise<ProgressView | null>;
  /** Resolves once a later version of the migration than `seen` is committed, or after `msMax`. */
  later(id: string, seen: number, msMax: number): Promise<Later>;
  lease(id: string, host: string, epoch: number): Promise<AskReply<'lease'>>;
  /** Returns the same relay to both hosts; null if there is none. */
  relayFor(id: string, relays: RelayOption[], unreachable: string[]): Promise<RelayAddress | null>;
  /** Does whatever is due. */
  wake(): Promise<void>;
}

/** One per drain. */
export interface HostDrainRpc {
  start(run: DrainRun, requestedBy: string): Promise<'started' | 'busy'>;
  pause(id: string): Promise<DrainActOutcome>;
  resume(id: string): Promise<DrainActOutcome>;
  abort(id: string, cancelRunning: boolean): Promise<DrainActOutcome>;
  /** Does whatever is due. */
  wake(): Promise<void>;
}

/** A recorded command in the form sent to its host. */
export type Delivery = Omit<Command, 'type'>;

/** A node as its object knows it. Times in epoch milliseconds; null if unknown. */
export interface NodePresence {
  /** Connected, welcomed and heard from recently. */
  online: boolean;
  seen_at: number | null;
  /** Its last inventory; null if it is not online. */
  reported_at: number | null;
  resources: Resources | null;
  /** Relays: as it last said. */
  load: RelayLoad | null;
}

/** Never connected, or its object does not answer. */
export const noPresence: NodePresence = {
  ...{ online: false, seen_at: null, reported_at: null },
  ...{ resources: null, load: null },
};

/** One per node, host or relay. */
export interface HostConnectionRpc {
  /** True if the node is connected, welcomed and was heard from recently. */
  online(): Promise<boolean>;
  presence(): Promise<NodePresence>;
  /** Called if the node's row says that it is connected: corrects the row if it is not. */
  checkPresence(node: string, seenAt: number | null): Promise<void>;
  /** Not repeated. Never throws: `host_offline`, `command_timeout` and refusals are outcomes. */
  request(kind: RequestKind, payload: unknown, timeoutMs: number): Promise<Outcome>;
  /** Sends recorded commands if the host is connected. */
  deliver(commands: Delivery[]): Promise<void>;
  /** Sends every recorded command that has no result yet, oldest first. */
  deliverOwed(): Promise<void>;
  /** Closes the connection for good: the node was deleted. */
  revokeNow(): Promise<void>;
  /** Tells a relay to cut the sessions of this host. */
  notifyRevoked(hostId: string): Promise<void>;
}

/** Public; sent to every agent and relay. */
export interface FleetInfo {
  fleet_id: string;
  ca_pem: string;
  /** Public JWK of the key that signs tickets. */
  ticket_key: Record<string, unknown>;
}

/** What a webhook of a kind for people needs besides its row, where the database must not have it. */
export interface WebhookCredential {
  /** Of a kind whose URL is a secret. */
  url: string | null;
  token: string | null;
}

export interface TicketRequest {
  relay_id: string;
  migration_id: string;
  lane: string;
  role: 'source' | 'target';
  /** The host that gets the ticket, and its peer. */
  host_id: string;
  peer_id: string;
}

/** A certificate for the holder of a key. */
export interface Leaf {
  certificate: string;
  /** Hex. */
  serial: string;
  ends_at: number;
}

/** One per fleet. */
export interface FleetAuthorityRpc extends AuthorityKeys {
  info(): Promise<FleetInfo>;
  /** Signs a certificate for the holder of the CSR's key. */
  sign(
    csr: string,
    holder: { kind: PeerKind; id: string },
  ): Promise<({ ok: true } & Leaf) | { ok: false; why: string }>;
  /** A join ticket for one connection; the caller checks who may have it. */
  ticket(request: TicketRequest): Promise<string>;
  /** Derived `whsec_…` secret, the same for a name and generation. Not stored. */
  webhookSecret(name: string, generation: number): Promise<string>;
  /** Keeps the credential of an endpoint, instead of the one before. */
  keepWebhookCredential(endpointId: string, credential: WebhookCredential): Promise<void>;
  /** Null if there is none: the endpoint needs none, or the keys of this authority were imported after a loss. */
  webhookCredential(endpointId: string): Promise<WebhookCredential | null>;
  forgetWebhookCredential(endpointId: string): Promise<void>;
}

export interface Taken {
  ok: boolean;
  /** The state of the bucket, passed to the next call. */
  fullAt: number;
  /** Requests left now. */
  remaining: number;
  /** Time until the next request is allowed; 0 if it is allowed now. */
  waitMs: number;
}

export interface Metered extends Taken {
  /** Refused, and no refusal was audited recently. */
  news: boolean;
}

/** One per API token. */
export interface TokenMeterRpc {
  spend(perMinute: number): Promise<Metered>;
}
