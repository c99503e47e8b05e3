import type { ForwardKeeper } from '../../agent/forward/forward-keeper.ts';
import { createForwardKeeper } from '../../agent/forward/keeper.ts';
import { ruleName } from '../../agent/forward/rules.ts';
import type { MigrationLedger } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import type { Transition } from '../../worker/saga/migration/transition.ts';
import type { Actor } from './clock.ts';
import { portOf } from './engine-facts.ts';
import { simHolder } from './holder-process.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

/** What is done with new connections of a migration's source: passed on only while its agent lives. */
interface Taking {
  actor: Actor;
  passesOn: boolean;
}

/**
 * Where new connections to each host really go, and the invariants of it:
 *
 *   - They are passed on only to a copy that was proven, while it is the stack's home.
 *   - They wait, or are let go, before that copy is told to stop.
 *   - A stack that is started finds its UDP ports free.
 *   - When all has come to its end, rules are left only where something is forwarded.
 */
export class Connections {
  readonly #world: World;
  /** Host → names of its rules. A reboot removes them, the end of agent or holder does not. */
  readonly #rules = new Map<string, Set<string>>();
  /** Migration → what its source does. */
  readonly #takings = new Map<string, Taking>();

  constructor(world: World) {
    this.#world = world;
  }

  rulesOf({ id }: SimHost): Set<string> {
    const rules = this.#rules.get(id) ?? new Set<string>();
    this.#rules.set(id, rules);
    return rules;
  }

  rebooted({ id }: SimHost): void {
    this.#rules.delete(id);
  }

  takes(migrationId: string, actor: Actor, passesOn: boolean): void {
    this.#takings.set(migrationId, { actor, passesOn });
    const row = this.#world.control.store.rows.get(migrationId);
    // A record that fell back may not know what its hosts were told.
    if (!passesOn || !row || row.saga.restorations > 0 || this.#world.control.store.behind.has(migrationId)) return;
    const isProven = row.status === 'completed' || row.saga.window !== null;
    if (!isProven) this.#world.violate(`connections of ${migrationId} are passed on while it is ${row.status}`);
  }

  /** An agent takes a UDP port, until it frees it or dies. */
  takesPort({ id }: SimHost, actor: Actor, port: number): () => void {
    const taken = { host: id, port };
    this.#takenPorts.add(taken);
    const free = () => {
      this.#takenPorts.delete(taken);
      actor.deaths.delete(free);
    };
    actor.deaths.add(free);
    return free;
  }
  readonly #takenPorts = new Set<{ host: string; port: number }>();

  /** The engine could not start a container whose port is taken. */
  startsWithFreePort({ id }: SimHost, project: string): void {
    for (const { host, port } of this.#takenPorts)
      if (host === id && port === portOf(project))
        this.#world.violate(`${project} is started on ${id} while its UDP port is taken`);
  }

  letsGo(migrationId: string): void {
    this.#takings.delete(migrationId);
  }

  /** Nothing new reaches a copy that is told to stop. */
  committed({ id, saga: before }: MigrationRow, { commands }: Transition): void {
    const halts = commands.some(({ kind }) => kind === 'halt_target');
    const wasHeld = before.awaiting.some(({ kind }) => kind === 'hold_connections');
    const taking = this.#takings.get(id);
    if (halts && wasHeld && taking?.passesOn && taking.actor.alive && !this.#refusedToHold.has(id))
      this.#world.violate(`connections of ${id} still go to the copy that is told to stop`);
  }

  /** It said so: the way back goes on without. */
  refusedToHold(migrationId: string): void {
    this.#refusedToHold.add(migrationId);
  }
  readonly #refusedToHold = new Set<string>();

  /** All has come to its end. */
  assertSettled(): void {
    for (const host of this.#world.hosts) {
      if (host.lost || !host.powered || host.deleted) continue;
      for (const row of this.#world.control.store.rows.values()) {
        const { id, saga } = row;
        if (row.source_host_id !== host.id || saga.restorations > 0) continue;
        const isForwarding = saga.forwarding?.phase === 'forwarding';
        if (this.rulesOf(host).has(ruleName(id)) && !isForwarding)
          this.#world.violate(`rules of ${id} are left on ${host.id}: it is ${saga.forwarding?.phase}`);
      }
    }
  }
}

/** The production keeper over a firewall of the simulation. */
export function simForward(host: SimHost, actor: Actor, ledger: MigrationLedger): ForwardKeeper {
  const { world } = host;
  const { connections } = world;
  const call = (what: string, act: () => void) => {
    world.crashPoint(`before ${host.id} ${what}`, actor);
    return world.remote(actor, world.random.between(5, 50), () => {
      if (!host.powered) throw new StackferryError('command_failed', 'the host is off');
      if (world.troubled && world.random.chance(0.02))
        throw new StackferryError('command_failed', `the firewall failed to ${what}`);
      act();
      world.crashPoint(`after ${host.id} ${what}`, actor);
    });
  };
  const over = new Promise<void>(() => {});
  return createForwardKeeper({
    ledger,
    dialer: () => () => over as Promise<never>,
    log: createLog((line) => world.trace(actor.name, line.slice(25))),
    holder: simHolder(host, actor, call),
    sweep: (stays) =>
      call('remove rules', () => {
        const rules = connections.rulesOf(host);
        for (const name of rules) if (!stays(name)) rules.delete(name);
      }),
    openSource: () => ({ ended: over, connect: () => over as Promise<never> }),
    keepTarget: () => over,
    openDatagrams: (ports) => {
      const frees = ports.map(({ port }) => connections.takesPort(host, actor, port));
      return {
        close: () => {
          if (world.options.plant?.keepsPorts) return;
          for (const free of frees) free();
        },
        traffic: () => ({ ports: [], sources: [], spliced: 0 }),
      };
    },
  });
}
