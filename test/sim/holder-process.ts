import type { ConnectionHolder } from '../../agent/forward/connection-holder.ts';
import { ruleName } from '../../agent/forward/rules.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type Actor, newActor } from './clock.ts';
import type { SimHost } from './host.ts';

/** The connection holder of a host, with what it has taken. It outlives the agent, not the machine. */
export class HolderProcess {
  readonly actor: Actor;
  readonly #host: SimHost;
  /** Migration → when the holder ends it by itself, by the true time. */
  readonly #taken = new Map<string, number>();
  /** The agent of now, and what it has asked for. */
  #agent: { actor: Actor; claimed: Set<string>; lost: () => void } | null = null;

  constructor(host: SimHost) {
    this.#host = host;
    this.actor = newActor(`${host.id}.holder`, host.skewMs);
    const died = () => {
      const agent = this.#agent;
      for (const migrationId of this.#taken.keys()) host.world.connections.letsGo(migrationId);
      if (agent) host.world.time.after(0, agent.actor, agent.lost);
    };
    this.actor.deaths.add(died);
  }

  attach(actor: Actor, lost: () => void): void {
    if (this.#agent?.actor === actor) return;
    this.#agent = { actor, claimed: new Set(), lost };
    const { world } = this.#host;
    actor.deaths.add(() => {
      for (const migrationId of this.#taken.keys()) world.connections.takes(migrationId, actor, false);
      world.time.after(limits.forward.agentAwayMsMax, this.actor, () => this.#endIfAlone());
    });
  }

  claim(migrationId: string): void {
    this.#agent?.claimed.add(migrationId);
  }

  hold(migrationId: string, ms: number): void {
    const { time } = this.#host.world;
    this.#taken.set(migrationId, time.now + ms);
    time.after(ms, this.actor, () => {
      if (time.now >= (this.#taken.get(migrationId) ?? Number.POSITIVE_INFINITY)) this.end(migrationId);
    });
  }

  end(migrationId: string): void {
    const { connections } = this.#host.world;
    this.#taken.delete(migrationId);
    connections.rulesOf(this.#host).delete(ruleName(migrationId));
    connections.letsGo(migrationId);
  }

  endUnclaimed(): void {
    for (const migrationId of [...this.#taken.keys()])
      if (!this.#agent?.claimed.has(migrationId)) this.end(migrationId);
  }

  #endIfAlone(): void {
    if (this.#agent?.actor.alive) return;
    for (const migrationId of [...this.#taken.keys()]) this.end(migrationId);
  }
}

/** As the agent of this host sees it. `call`: an act that reaches the firewall, or fails. */
export function simHolder(
  host: SimHost,
  actor: Actor,
  call: (what: string, act: () => void) => Promise<void>,
): ConnectionHolder {
  const { connections } = host.world;
  let lost = () => {};
  const attached = () => {
    const holder = host.ensureHolder();
    holder.attach(actor, () => lost());
    return holder;
  };
  const finish = async (what: string, migrationId: string) => {
    if (!host.holder?.actor.alive) return;
    const holder = attached();
    await call(what, () => {
      if (holder.actor.alive) holder.end(migrationId);
    });
  };
  return {
    release: (migrationId) => finish('release connections', migrationId),
    end: (migrationId) => finish('end forwarding', migrationId),
    onLost: (listener) => {
      lost = listener;
    },
    close: () => {},
    endUnclaimed: async () => {
      if (host.holder?.actor.alive) attached().endUnclaimed();
    },
    open: async ({ migrationId }) => {
      const holder = attached();
      holder.claim(migrationId);
      const act = (what: string, done: () => void) =>
        call(what, () => {
          if (!holder.actor.alive) throw new StackferryError('command_failed', 'the holder is gone');
          done();
        });
      return {
        redirects: [],
        hold: (until_ms) => {
          const ms = until_ms - Date.now();
          return act('redirect connections', () => {
            connections.rulesOf(host).add(ruleName(migrationId));
            connections.takes(migrationId, actor, false);
            holder.hold(migrationId, ms);
          });
        },
        forward: async () => {
          if (!holder.actor.alive) throw new StackferryError('command_failed', 'the holder is gone');
          connections.takes(migrationId, actor, true);
        },
        traffic: async () => ({ ports: [], sources: [], held: 0, spliced: 0 }),
      };
    },
  };
}
