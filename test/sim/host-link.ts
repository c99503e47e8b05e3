import type { AgentMessage, AskReply, Outcome, RequestKind } from '../../schema/agent-protocol.ts';
import type { Command } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import { isStep } from '../../schema/migration-status.ts';
import { type Actor, newActor } from './clock.ts';
import type { Connection } from './connection.ts';
import type { ControlPlane } from './control-plane.ts';
import type { World } from './world.ts';

type Delivery = Omit<Command, 'type'>;
type Of<T extends AgentMessage['type']> = Extract<AgentMessage, { type: T }>;

const no = (code: 'host_offline' | 'command_timeout' | 'foreign_resource' | 'ticket_refused', message: string) =>
  ({ ok: false, error: { code, message, log_tail: [] } }) satisfies Outcome;

/** What `worker/objects/host-connection/host-connection.ts` does, on the simulation's sockets: one for each host, until it is evicted. */
export class HostLink {
  readonly actor: Actor;
  readonly #host: string;
  readonly #control: ControlPlane;
  readonly #world: World;
  readonly #pending = new Map<string, { connection: Connection; settle: (outcome: Outcome) => void }>();
  #current: Connection | null = null;
  #asked = 0;

  constructor(world: World, control: ControlPlane, host: string) {
    this.#world = world;
    this.#control = control;
    this.#host = host;
    this.actor = newActor(`link.${host}`);
  }

  accept(connection: Connection): void {
    const before = this.#current;
    this.#current = connection;
    if (before) this.#drop(before);
  }

  online(): boolean {
    return this.#live() !== null;
  }

  deliver(commands: Delivery[]): void {
    const { store } = this.#control;
    for (const command of commands) {
      if (!store.isRecorded(command.id)) this.#world.violate(`F7: ${command.id} is sent and was not recorded`);
      if (this.#current?.greeted) this.#current.toAgent({ type: 'command', ...command });
    }
  }

  async deliverOwed(): Promise<void> {
    if (this.#current?.greeted) this.deliver(await this.#control.store.for(this.actor).openCommandsFor(this.#host));
  }

  request(kind: RequestKind, payload: unknown, timeoutMs: number): Promise<Outcome> {
    const connection = this.#live();
    if (!connection) return Promise.resolve(no('host_offline', 'The host is not connected.'));
    const id = `${this.#host}-${connection.order}-${this.#asked++}`;
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle(no('command_timeout', `no answer to ${kind} in time`)), timeoutMs);
      this.#pending.set(id, { connection, settle });
      connection.toAgent({ type: 'request', id, kind, payload });
    });
  }

  /** Comes as a task of nobody; what it does is this object's. */
  receive(connection: Connection, message: AgentMessage): void {
    this.#world.time.actor = this.actor;
    void this.#handle(connection, message).catch(() => {
      // Nothing is acknowledged, so the agent says it again.
    });
  }

  async #handle(connection: Connection, message: AgentMessage): Promise<void> {
    if (message.type === 'hello') {
      connection.toAgent({
        type: 'welcome',
        id: this.#host,
        fleet_id: 'f',
        now_ms: Date.now(),
        relay: null,
        return_spread_ms: null,
      });
      connection.greeted = true;
      return this.deliverOwed();
    }
    if (!connection.greeted) return connection.close();
    switch (message.type) {
      case 'answer':
        return this.#pending.get(message.request_id)?.settle(message.outcome);
      case 'result':
        return this.#onResult(connection, message);
      case 'progress': {
        const owner = await this.#control.store.for(this.actor).ownerOf(message.command_id);
        if (owner && !owner.closed)
          await this.#control.call(this.actor, owner.stack_id, (c) =>
            c.progress(owner.migration_id, this.#host, message.items),
          );
        return;
      }
      case 'ask': {
        const outcome = await this.#answer(message);
        return connection.toAgent({ type: 'reply', ask_id: message.ask_id, outcome });
      }
      case 'inventory':
        return this.#control.inventory(this.actor, this.#host, message.stacks);
      case 'metrics':
        return;
    }
  }

  async #onResult(connection: Connection, { command_id, outcome }: Of<'result'>): Promise<void> {
    const owner = await this.#control.store.for(this.actor).ownerOf(command_id);
    if (owner && !owner.closed) {
      const told = this.#world.options.plant?.told?.(outcome, owner.command.kind) ?? outcome;
      await this.#control.call(this.actor, owner.stack_id, (c) => c.report(owner.migration_id, command_id, told));
    }
    connection.toAgent({ type: 'result_ack', command_id });
  }

  async #answer({ kind, payload }: Of<'ask'>): Promise<Outcome> {
    const asked = payload as { migration_id: string; epoch: number };
    const row = await this.#control.store.for(this.actor).load(asked.migration_id);
    if (!row || (row.source_host_id !== this.#host && row.target_host_id !== this.#host))
      return no('foreign_resource', 'This host has no part in that migration.');
    if (kind === 'lease') {
      const data = await this.#control.call(this.actor, row.stack_id, (c) => c.lease(row.id, this.#host, asked.epoch));
      if (data.granted) this.#world.course.granted(row.id, this.#host);
      return { ok: true, data };
    }
    if (!isStep(row.status)) return no('ticket_refused', 'That migration moves nothing any more.');
    const relay = { id: 'r', host: 'relay', port: 1 };
    const data: AskReply<'ticket'> = { ticket: 't', relay, bandwidth_limit: null, direct: null, addresses: [] };
    return { ok: true, data };
  }

  #live(): Connection | null {
    const connection = this.#current;
    if (!connection?.open || !connection.greeted) return null;
    const { silentSince } = connection;
    const { now } = this.#world.time;
    return silentSince !== null && now - silentSince > limits.control.hostSilenceMsMax ? null : connection;
  }

  /** What takes its place in memory: the socket hibernates, and lives on. */
  evicted(): HostLink {
    const next = new HostLink(this.#world, this.#control, this.#host);
    next.#current = this.#current;
    return next;
  }

  #drop(connection: Connection): void {
    for (const { connection: asked, settle } of [...this.#pending.values()])
      if (asked === connection) settle(no('host_offline', 'The host lost its connection.'));
    connection.close();
  }
}
