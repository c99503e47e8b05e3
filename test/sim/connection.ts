import type { AgentMessage, ControlMessage } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Actor } from './clock.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

/** Which direction of a host's way to the control plane is cut. */
export type Cut = 'none' | 'both' | 'up' | 'down';

export interface AgentEnd {
  message(message: ControlMessage): void;
  cut(): void;
}

/** One WebSocket. Either end may be gone without the other knowing (F18). */
export interface Connection {
  order: number;
  host: SimHost;
  open: boolean;
  greeted: boolean;
  /** Its agent's process is dead, which the control plane only learns from its silence. */
  deserted: boolean;
  /** Since when no ping gets through; null while they do. */
  silentSince: number | null;
  toControl(message: AgentMessage): void;
  toAgent(message: ControlMessage): void;
  /** The control plane closes it. */
  close(): void;
}

/** The way between hosts and control plane, and all that can happen on it. */
export class Network {
  readonly #world: World;
  readonly #cuts = new Map<string, Cut>();
  readonly #open = new Set<Connection>();
  #order = 0;

  constructor(world: World) {
    this.#world = world;
  }

  cutOf(host: string): Cut {
    return this.#cuts.get(host) ?? 'none';
  }

  cut(host: string, cut: Cut): void {
    this.#world.trace('network', `${host} to control plane: ${cut === 'none' ? 'whole' : `cut (${cut})`}`);
    this.#cuts.set(host, cut);
    for (const connection of this.#open) {
      if (connection.host.id !== host) continue;
      if (cut === 'none') connection.silentSince = connection.deserted ? connection.silentSince : null;
      else connection.silentSince ??= this.#world.time.now;
    }
  }

  /** F5: every socket at once. */
  cutAllSockets(): void {
    for (const connection of [...this.#open]) connection.close();
  }

  connect(host: SimHost, agent: Actor, end: AgentEnd): Connection {
    const world = this.#world;
    const { time, random } = world;
    let accepted = false;
    let welcomed = false;
    let agentGone = false;
    let lastUp = 0;
    let lastDown = 0;
    const agentCut = (ms: number) => {
      if (agentGone) return;
      agentGone = true;
      time.after(ms, agent, end.cut);
    };
    const travel = (last: number): number | null => {
      const { troubled, options } = world;
      if (troubled && random.chance(0.01)) return null;
      if (troubled && !options.ordered && random.chance(0.03)) return random.between(1_000, 120_000);
      const ms = troubled ? random.longTail(1, 2_000) : random.between(1, 20);
      return (options.ordered ?? true) ? Math.max(ms, last - time.now + 0.001) : ms;
    };
    const connection: Connection = {
      order: ++this.#order,
      host,
      open: true,
      greeted: false,
      deserted: false,
      silentSince: null,
      toControl: (message) => {
        const ms = travel(lastUp);
        if (ms === null || agentGone || !agent.alive) return;
        lastUp = time.now + ms;
        const arrive = () => {
          if (accepted && connection.open && !blocks(this.cutOf(host.id), 'up'))
            world.control.linkOf(host.id).receive(connection, message);
        };
        time.after(ms, null, arrive);
        if (world.troubled && random.chance(0.02)) time.after(ms + random.between(0, 5_000), null, arrive);
      },
      toAgent: (message) => {
        const ms = travel(lastDown);
        if (ms === null) return;
        lastDown = time.now + ms;
        const arrive = () => {
          if (agentGone || blocks(this.cutOf(host.id), 'down')) return;
          if (message.type === 'welcome') welcomed = true;
          end.message(message);
        };
        time.after(ms, agent, arrive);
        if (world.troubled && random.chance(0.02)) time.after(ms + random.between(0, 5_000), agent, arrive);
      },
      close: () => {
        if (!connection.open) return;
        connection.open = false;
        this.#open.delete(connection);
        agentCut(blocks(this.cutOf(host.id), 'down') ? limits.control.hostSilenceMsMax : random.between(1, 50));
      },
    };
    agent.deaths.add(() => {
      agentGone = true;
      connection.deserted = true;
      connection.silentSince ??= time.now;
    });
    // Both ends notice silence by their heartbeats; looked at now and then, as pings go.
    const watch = () => {
      if (agentGone) return;
      const { silentSince } = connection;
      if (silentSince !== null && time.now - silentSince > limits.control.hostSilenceMsMax) return agentCut(0);
      time.after(limits.control.pingIntervalMs, agent, watch);
    };
    time.after(random.between(10, 100), agent, () => {
      if (this.cutOf(host.id) !== 'none' || !world.control.up || host.deleted)
        return agentCut(random.between(10, 1_000));
      this.#open.add(connection);
      accepted = true;
      world.control.linkOf(host.id).accept(connection);
      connection.toControl({ type: 'hello', version: 1, agent_version: '1', address: null } as AgentMessage);
      watch();
    });
    // No welcome in time.
    time.after(limits.agent.linkHandshakeMsMax, agent, () => {
      if (welcomed) return;
      connection.close();
      agentCut(0);
    });
    return connection;
  }
}

const blocks = (cut: Cut, direction: 'up' | 'down') => cut === 'both' || cut === direction;
