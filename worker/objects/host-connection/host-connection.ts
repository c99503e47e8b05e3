import { DurableObject } from 'cloudflare:workers';
import {
  type AgentMessage,
  commonVersion,
  controlProtocol,
  type Outcome,
  type RequestKind,
} from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import { fleetOf, migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import { log } from '../../log.ts';
import { problemResponse } from '../../problem.ts';
import { type Delivery, type HostConnectionRpc, type NodePresence, noPresence, type Serves } from '../../rpc.ts';
import { openCommandsFor, ownerOfCommand } from '../../store/commands.ts';
import { type NodeKind, revokedHostIds } from '../../store/nodes.ts';
import {
  attach,
  close,
  closeCodes,
  holderSocket,
  isAlive,
  type Link,
  linkOf,
  no,
  openSockets,
  pingedAt,
  readMessage,
  send,
} from './control-socket.ts';
import { DuplicateIdentityWatch } from './duplicate-identity.ts';
import { HostReports } from './host-reports.ts';
import { MessageRate } from './message-rate.ts';
import { PendingRequests } from './pending-requests.ts';
import { Presence } from './presence.ts';
import { ProgressForwarder } from './progress-forwarder.ts';
import { answerQuery } from './queries.ts';
import { returnSpread } from './return-spread.ts';

type Message<T extends AgentMessage['type']> = Extract<AgentMessage, { type: T }>;

/**
 * One per node, host or relay: its live connection, through hibernation. Persistent data is in D1; commands that cannot
 * be sent stay recorded there and are sent when the node is back.
 */
export class HostConnection extends DurableObject<Env> implements Serves<HostConnectionRpc> {
  readonly #requests = new PendingRequests();
  readonly #greetings = new Map<WebSocket, Promise<void>>();
  readonly #progress = new ProgressForwarder(this.env);
  readonly #clones = new DuplicateIdentityWatch(this.ctx, this.env);
  readonly #presence = new Presence(this.ctx, this.env);
  readonly #reports = new HostReports(this.env);
  readonly #rate = new MessageRate();
  readonly #ignored = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
  }

  /** Called only by the connect route, which has authenticated the node. */
  override async fetch(request: Request): Promise<Response> {
    if (await this.ctx.storage.get('revoked'))
      return problemResponse('host_revoked', 'It was deleted; it has to join again.');
    const { searchParams } = new URL(request.url);
    const [newest] = openSockets(this.ctx);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({
      node: searchParams.get('node') ?? '',
      kind: searchParams.get('kind') as NodeKind,
      name: searchParams.get('name') ?? '',
      address: searchParams.get('address') ?? '',
      connected_at: Date.now(),
      order: newest ? linkOf(newest).order + 1 : 1,
      greeted: false,
      instance: '',
      resources: null,
      inventory: null,
      return_spread_ms: null,
      load: null,
    } satisfies Link);
    // Only one connection may wait for its welcome. The welcomed one stays until a hello shows which process is new.
    for (const socket of openSockets(this.ctx))
      if (socket !== server && !linkOf(socket).greeted) this.#drop(socket, closeCodes.replaced, 'a newer one came');
    return new Response(null, { status: 101, webSocket: client });
  }

  // ------------------------------------------------------------- calls from the control plane

  /** True if connected, welcomed, and heard from within the limit. */
  online(): boolean {
    return this.#live() !== null;
  }

  async presence(): Promise<NodePresence> {
    const socket = this.#live();
    if (!socket) return { ...noPresence, seen_at: await this.#presence.lastSeenAt() };
    const { resources, inventory, load = null } = linkOf(socket);
    const seen_at = pingedAt(this.ctx, socket);
    return { online: true, seen_at, reported_at: inventory?.reported_at ?? null, resources, load };
  }

  checkPresence(node: string, seenAt: number | null): Promise<void> {
    return this.#presence.check(node, seenAt);
  }

  override alarm(): Promise<void> {
    return this.#presence.alarm();
  }

  /** Never throws: `host_offline`, `command_timeout` and the host's failures are outcomes. */
  async request(kind: RequestKind, payload: unknown, timeoutMs: number): Promise<Outcome> {
    const socket = this.#live();
    if (!socket)
      return no(
        'host_offline',
        'The host is not connected; after a restart of the control plane it may need a minute.',
      );
    if (kind !== 'command_status' && (await this.#clones.contested())) return no('certificate_cloned', contested);
    const id = crypto.randomUUID();
    const outcome = this.#requests.wait(id, kind, socket, timeoutMs);
    send(socket, { type: 'request', id, kind, payload });
    return outcome;
  }

  /** Sends newly recorded commands if the host is connected. */
  deliver(commands: Delivery[]): void {
    const socket = holderSocket(this.ctx);
    if (!socket) return;
    for (const command of commands) send(socket, { type: 'command', ...command });
  }

  /** Sends every recorded command without an answer, oldest first. */
  async deliverOwed(): Promise<void> {
    const socket = holderSocket(this.ctx);
    if (!socket) return;
    const owed = await openCommandsFor(this.env.DB, linkOf(socket).node);
    this.deliver(owed.map((command) => ({ ...command, kind: command.kind as CommandKind })));
  }

  /** Closes the connections of a deleted node for good: a new node has a new id. */
  async revokeNow(): Promise<void> {
    await this.ctx.storage.put('revoked', true);
    for (const socket of this.ctx.getWebSockets()) this.#drop(socket, closeCodes.revoked, 'revoked');
  }

  /** Tells a relay to cut the sessions of this host. */
  notifyRevoked(hostId: string): void {
    // Also to a connection before its welcome: the list in its welcome may be a moment older.
    for (const socket of openSockets(this.ctx)) send(socket, { type: 'revoked', host_id: hostId });
  }

  // ------------------------------------------------------------- messages from the agent

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    // Messages received before the close are still delivered.
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!this.#rate.admits(socket, Date.now())) return this.#refuse(socket, 'too many messages');
    const read = readMessage(data);
    if (read.kind === 'refused' || (read.kind === 'unknown' && !linkOf(socket).greeted))
      return this.#refuse(socket, `unreadable message: ${read.why}`);
    if (read.kind === 'unknown') return this.#ignore(socket, read);
    const { message } = read;
    this.#clones.heard(socket);
    try {
      if (message.type === 'hello') {
        const greeting = this.#greet(socket, message);
        this.#greetings.set(socket, greeting);
        await greeting.finally(() => this.#greetings.delete(socket));
        return;
      }
      await this.#greetings.get(socket);
      const link = linkOf(socket);
      if (!link.greeted) return this.#refuse(socket, 'it has to say hello first');
      if (link.kind === 'relay' && message.type !== 'metrics' && message.type !== 'answer')
        return this.#refuse(socket, `a relay has no business with "${message.type}"`);
      await this.#handle(socket, link.node, message);
    } catch (error) {
      // Without an acknowledgement the agent sends the message again.
      this.#log('message not handled', socket, { type: message.type, error });
    }
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    this.#drop(socket, code === 1005 || code === 1006 ? 1000 : code, reason);
    await this.#presence.settle(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.webSocketClose(socket, 1011, 'broken');
  }

  async #greet(socket: WebSocket, hello: Message<'hello'>): Promise<void> {
    const {
      agent_version,
      program = null,
      instance_id,
      address,
      versions = { min: hello.version, max: hello.version },
    } = hello;
    const link = linkOf(socket);
    const version = commonVersion(versions);
    if (version === null) {
      this.#log('agent of another release refused', socket, { agent_version, versions });
      return this.#drop(socket, closeCodes.version, versionAdvice(versions));
    }
    const holder = holderSocket(this.ctx);
    if (holder && holder !== socket && (await this.#clones.isSecond(holder, socket, instance_id)))
      return this.#drop(socket, closeCodes.cloned, 'certificate_cloned: another process holds this connection');
    const isRelay = link.kind === 'relay';
    const now = Date.now();
    const { fleet_id, ticket_key } = await fleetOf(this.env).info();
    const said = { agent_version, program, address, connected_from: link.address || null };
    // A node without a row was deleted, even if this object was never notified.
    if (!(await this.#presence.arrived(link.node, said))) return this.revokeNow();
    const relay = isRelay ? { ticket_key, revoked: await revokedHostIds(this.env.DB, now) } : null;
    const return_spread_ms = isRelay ? null : await returnSpread(this.env);
    send(socket, { type: 'welcome', id: link.node, fleet_id, version, now_ms: now, relay, return_spread_ms });
    if (socket.readyState !== WebSocket.OPEN) return;
    attach(socket, { greeted: true, instance: instance_id, return_spread_ms });
    for (const other of openSockets(this.ctx))
      if (linkOf(other).order < link.order) this.#drop(other, closeCodes.replaced, 'replaced by a newer connection');
    // Again, since the end of the one before may have been written in between.
    await this.#presence.settle();
    await this.deliverOwed();
  }

  async #handle(socket: WebSocket, hostId: string, message: Exclude<AgentMessage, { type: 'hello' }>): Promise<void> {
    switch (message.type) {
      case 'answer':
        return this.#requests.answer(message.request_id, message.outcome);
      case 'result':
        return this.#onResult(socket, hostId, message);
      case 'progress':
        return this.#onProgress(socket, hostId, message);
      case 'ask': {
        const outcome = await answerQuery(this.env, hostId, message.kind, message.payload);
        return send(socket, { type: 'reply', ask_id: message.ask_id, outcome });
      }
      case 'metrics':
        return this.#onMetrics(socket, message);
      case 'inventory':
        return this.#reports.inventory(socket, message);
    }
  }

  async #onMetrics(socket: WebSocket, { resources, load }: Message<'metrics'>): Promise<void> {
    if (linkOf(socket).kind === 'relay') attach(socket, { load: load ?? null });
    if (!(await this.#reports.resources(socket, resources))) await this.revokeNow();
  }

  /** Acknowledged once the migration has recorded the result, or if it is no longer awaited. */
  async #onResult(socket: WebSocket, hostId: string, { command_id, outcome }: Message<'result'>): Promise<void> {
    const owner = await ownerOfCommand(this.env.DB, command_id);
    // The result of a closed command changes nothing: a host that was deleted and joined again may still send some.
    if (owner && owner.host_id !== hostId && owner.closed_at === null)
      return this.#refuse(socket, `foreign_resource: result of ${command_id}`);
    if (owner && owner.closed_at === null)
      await migrationsOf(this.env, owner.stack_id).report(owner.migration_id, hostId, command_id, outcome);
    this.#progress.forget(command_id);
    send(socket, { type: 'result_ack', command_id });
  }

  async #onProgress(socket: WebSocket, hostId: string, { command_id, items }: Message<'progress'>): Promise<void> {
    const outcome = await this.#progress.pass(hostId, command_id, items, Date.now());
    if (outcome === 'foreign') this.#refuse(socket, `foreign_resource: progress of ${command_id}`);
  }

  #live(): WebSocket | null {
    const socket = holderSocket(this.ctx);
    return socket && isAlive(this.ctx, socket, Date.now()) ? socket : null;
  }

  /** Logged once per type, since the message repeats. */
  #ignore(socket: WebSocket, { type, why }: { type: string; why: string }): void {
    if (this.#ignored.has(type) || this.#ignored.size >= limits.control.ignoredTypesMax) return;
    this.#ignored.add(type);
    this.#log('a message of the agent is not understood and ignored', socket, { type, why });
  }

  #refuse(socket: WebSocket, why: string): void {
    this.#log('agent refused', socket, { why });
    this.#drop(socket, closeCodes.refused, why.slice(0, 100));
  }

  #drop(socket: WebSocket, code: number, reason: string): void {
    this.#requests.fail(socket);
    close(socket, code, reason);
  }

  #log(msg: string, socket: WebSocket, more: Record<string, unknown>): void {
    log.error(msg, { node: linkOf(socket).node, ...more });
  }
}

const contested =
  'Two processes use its certificate at the same time, so it gets no new work; see the warnings of GET /hosts/{id}.';

/** At most 123 bytes, the limit of a close reason. */
function versionAdvice({ min, max }: { min: number; max: number }): string {
  const spoken = `protocol ${min}-${max}, here ${controlProtocol.min}-${controlProtocol.max}`;
  return max < controlProtocol.min
    ? `${spoken}: update stackferry on this host, then run: stackferry agent`
    : `${spoken}: update the control plane: docs/upgrade.md`;
}
