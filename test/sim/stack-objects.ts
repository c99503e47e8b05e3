import { Coordinator } from '../../worker/saga/migration/coordinator.ts';
import type { CoordinatorPorts, DurableMemory, Hosts } from '../../worker/saga/migration/ports.ts';
import { type Actor, epochMs, newActor } from './clock.ts';
import type { ControlPlane } from './control-plane.ts';
import type { HostLink } from './host-link.ts';
import { preflightOver } from './preflight.ts';
import type { World } from './world.ts';

export interface StackObject {
  actor: Actor;
  coordinator: Coordinator;
}

/** What survives an eviction of one stack's object: its storage and its alarm. */
interface Durable {
  values: Map<string, unknown>;
  /** In the world's time; null where none is set. */
  alarmAt: number | null;
  object: StackObject | null;
}

export type ObjectsBackup = (readonly [id: string, values: Map<string, unknown>, alarmAt: number | null])[];

/** As the platform does it: then it gives up, and only the sweep brings the object back. */
const alarmTriesMax = 6;

/** The Durable Objects, one a stack: the production coordinator on the simulation's ports. */
export class StackObjects {
  /** F3: the platform promises at least once. */
  repeatedAlarms = 0.02;
  readonly #world: World;
  readonly #control: ControlPlane;
  readonly #stacks = new Map<string, Durable>();

  constructor(world: World, control: ControlPlane) {
    this.#world = world;
    this.#control = control;
  }

  objectOf(stackId: string): StackObject {
    const durable = this.#durableOf(stackId);
    durable.object ??= this.#newObject(stackId, durable);
    return durable.object;
  }

  /** F2: gone from memory between any two awaits; its storage and its alarm stay. */
  evict(stackId: string): void {
    const durable = this.#durableOf(stackId);
    if (!durable.object) return;
    const { time, random } = this.#world;
    this.#world.trace('control', `the object of ${stackId} is evicted`);
    const { actor } = durable.object;
    durable.object = null;
    // It may go on for a moment beside its successor: that only one is there at a time is the platform's promise, not ours.
    time.after(random.chance(0.5) ? 0 : random.between(0, 5_000), null, () => time.kill(actor));
  }

  backup(): ObjectsBackup {
    return structuredClone([...this.#stacks].map(([id, { values, alarmAt }]) => [id, values, alarmAt] as const));
  }

  /** Their storage too; nobody is there yet. */
  restore(backup: ObjectsBackup): void {
    this.evictAll();
    this.#stacks.clear();
    for (const [id, values, alarmAt] of structuredClone(backup))
      this.#stacks.set(id, { values, alarmAt, object: null });
  }

  evictAll(): void {
    for (const id of this.#stacks.keys()) this.evict(id);
  }

  /** F4: each has failed too often. */
  loseAlarms(): void {
    for (const durable of this.#stacks.values()) durable.alarmAt = null;
  }

  /** Alarms that were due while nothing of the control plane was there ring now. */
  armAll(): void {
    for (const id of this.#stacks.keys()) this.#arm(id);
  }

  #durableOf(stackId: string): Durable {
    const durable = this.#stacks.get(stackId) ?? { values: new Map(), alarmAt: null, object: null };
    this.#stacks.set(stackId, durable);
    return durable;
  }

  #newObject(stackId: string, durable: Durable): StackObject {
    const world = this.#world;
    const actor = newActor(`object.${stackId}`);
    const { store } = this.#control;
    const hosts = this.#hostsFor(actor);
    const ports: CoordinatorPorts = {
      store: store.for(actor),
      hosts,
      memory: this.#memoryFor(actor, stackId, durable),
      preflight: preflightOver(hosts, () => [...store.rows.values()]),
      background: (work) => void work.catch(() => {}),
    };
    return { actor, coordinator: new Coordinator(world.options.plant?.ports?.(ports, world) ?? ports) };
  }

  /** Each host's connection is an object of its own: what is asked of it travels. */
  #hostsFor(actor: Actor): Hosts {
    const { time, random } = this.#world;
    const link = <T>(host: string, act: (link: HostLink) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        time.after(random.between(0.2, 5), null, () => {
          const target = this.#control.linkOf(host);
          time.actor = target.actor;
          act(target).then(
            (value) => time.after(1, actor, () => resolve(value)),
            (error) => time.after(1, actor, () => reject(error)),
          );
        });
      });
    return {
      online: (host) => link(host, async (target) => target.online()),
      deliver: (host, commands) => link(host, async (target) => target.deliver(commands)),
      deliverOwed: (host) => link(host, (target) => target.deliverOwed()),
      request: (host, kind, payload, timeoutMs) => link(host, (target) => target.request(kind, payload, timeoutMs)),
    };
  }

  #memoryFor(actor: Actor, stackId: string, durable: Durable): DurableMemory {
    // Only the newest instance of an object may use its storage: the platform fences the others off.
    const port = <T>(act: () => T) =>
      this.#world.port(actor, this.#world.random.between(0.1, 2), () => {
        if (durable.object?.actor !== actor) throw new Error('the object was replaced');
        return act();
      });
    return {
      get: (key) => port(() => durable.values.get(key)),
      put: (key, value) => port(() => void durable.values.set(key, value)),
      delete: (key) => port(() => durable.values.delete(key)),
      setAlarm: (at) =>
        port(() => {
          durable.alarmAt = at - epochMs;
          this.#arm(stackId);
        }),
      deleteAlarm: () =>
        port(() => {
          durable.alarmAt = null;
        }),
    };
  }

  #arm(stackId: string): void {
    const durable = this.#durableOf(stackId);
    const { alarmAt } = durable;
    if (alarmAt === null) return;
    const { time, random } = this.#world;
    time.after(alarmAt - time.now, null, () => {
      // Moved, or deleted, since; or nobody is there to be woken, and the sweep will see to it (F4).
      if (durable.alarmAt !== alarmAt || !this.#control.up) return;
      durable.alarmAt = null;
      const platform = newActor('alarm');
      const ring = (tries: number) =>
        this.#control
          .call(platform, stackId, (coordinator) => coordinator.wake())
          .catch(() => {
            if (tries < alarmTriesMax) time.after(2_000 * 2 ** tries, null, () => ring(tries + 1));
          });
      ring(0);
      if (random.chance(this.repeatedAlarms)) ring(0);
    });
  }
}
