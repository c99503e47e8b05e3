import type { StackSummary } from '../../schema/facts.ts';
import { copiesSeen, moveOf } from '../../worker/hosts/moves.ts';
import { Coordinator } from '../../worker/migration/coordinator.ts';
import { type Actor, epochMs, newActor } from './clock.ts';
import { Network } from './connection.ts';
import { HostLink } from './host-link.ts';
import { preflightOver } from './preflight.ts';
import { Store } from './store.ts';
import type { World } from './world.ts';

/** What survives an eviction of one stack's object: its storage and its alarm. */
interface Durable {
  values: Map<string, unknown>;
  /** In the world's time; null where none is set. */
  alarmAt: number | null;
  object: { actor: Actor; coordinator: Coordinator } | null;
}

/** As the platform does it: then it gives up, and only the sweep brings the object back. */
const alarmTriesMax = 6;
const hourMs = 3_600_000;
const sweepMs = 5 * 60_000;

/** Worker, Durable Objects, alarms and cron: the production coordinator, one object a stack, on the simulation's parts. */
export class ControlPlane {
  readonly store: Store;
  readonly network: Network;
  up = true;
  readonly #world: World;
  readonly #links = new Map<string, HostLink>();
  readonly #stacks = new Map<string, Durable>();
  #sweeps = 0;

  constructor(world: World) {
    this.#world = world;
    this.store = new Store(world);
    this.network = new Network(world);
    world.time.after(sweepMs, null, () => this.#sweep());
  }

  // ------------------------------------------------------------ objects

  linkOf(host: string): HostLink {
    const link = this.#links.get(host) ?? new HostLink(this.#world, this, host);
    this.#links.set(host, link);
    return link;
  }

  /** A call to one stack's object. Its answer is lost when the object is reset meanwhile, what it did is not. */
  call<T>(caller: Actor, stackId: string, act: (coordinator: Coordinator) => Promise<T>): Promise<T> {
    const { time } = this.#world;
    const way = () => this.#world.random.between(0.2, 5);
    return new Promise((resolve, reject) => {
      time.after(way(), null, () => {
        if (!this.up) return time.after(way(), caller, () => reject(new Error('the control plane is away')));
        const { actor, coordinator } = this.#objectOf(stackId);
        const lost = () => answer(() => reject(new Error('the object was reset')));
        const answer = (settle: () => void) => {
          actor.deaths.delete(lost);
          time.after(way(), caller, settle);
        };
        actor.deaths.add(lost);
        time.actor = actor;
        act(coordinator).then(
          (value) => answer(() => resolve(value)),
          (error) => answer(() => reject(error)),
        );
        return undefined;
      });
    });
  }

  /** F2: gone from memory between any two awaits; its storage and its alarm stay. */
  evict(stackId: string): void {
    const durable = this.#stacks.get(stackId);
    if (!durable?.object) return;
    this.#world.trace('control', `the object of ${stackId} is evicted`);
    const { actor } = durable.object;
    durable.object = null;
    // It may go on for a moment beside its successor: that only one is there at a time is the platform's promise, not ours.
    this.#world.time.after(this.#world.random.chance(0.5) ? 0 : this.#world.random.between(0, 5_000), null, () =>
      this.#world.time.kill(actor),
    );
  }

  evictLink(host: string): void {
    const before = this.#links.get(host);
    if (!before) return;
    this.#world.trace('control', `the connection object of ${host} is evicted`);
    this.#links.set(host, before.evicted());
    this.#world.time.kill(before.actor);
  }

  /** A deploy, or worse: every object is gone, every socket is cut (F5). */
  crash(): void {
    if (!this.up) return;
    this.#world.trace('control', 'the control plane is gone');
    this.up = false;
    for (const id of this.#stacks.keys()) this.evict(id);
    for (const host of [...this.#links.keys()]) this.evictLink(host);
    this.network.cutAllSockets();
  }

  restart(): void {
    if (this.up) return;
    this.#world.trace('control', 'the control plane is back');
    this.up = true;
    for (const [id, { alarmAt }] of this.#stacks) if (alarmAt !== null) this.#arm(id);
  }

  // ------------------------------------------------------------ what comes by itself

  /** F45: as `applyInventory` does it. */
  async inventory(caller: Actor, host: string, reported: StackSummary[]): Promise<void> {
    const seen = this.#world.options.plant?.inventory?.(reported) ?? reported;
    const newest = new Map(
      [...this.store.rows.values()]
        .filter(({ source_host_id, target_host_id }) => source_host_id === host || target_host_id === host)
        .map((row) => [row.stack_name, row]),
    );
    const moves = [...newest.values()].map((row) => moveOf(row, host));
    for (const { id, stack_id, running } of copiesSeen(seen, moves, Date.now()))
      await this.call(caller, stack_id, (coordinator) => coordinator.copySeen(id, running));
  }

  /** The cron's: reminders hourly, and often twice at once; objects whose alarm is gone are woken. */
  #sweep(): void {
    const { time, random } = this.#world;
    const cron = newActor('cron');
    this.#sweeps += 1;
    time.after(sweepMs, null, () => this.#sweep());
    if (!this.up) return;
    for (const { stack_id, status, saga } of this.store.rows.values())
      if (saga.deadline_at !== null || !['completed', 'failed', 'cancelled', 'rolled_back'].includes(status))
        this.call(cron, stack_id, (coordinator) => coordinator.wake()).catch(() => {});
    for (const host of new Set(this.store.open().map(({ command }) => command.host))) {
      const link = this.linkOf(host);
      time.actor = link.actor;
      link.deliverOwed().catch(() => {});
      time.actor = null;
    }
    if (this.#sweeps % (hourMs / sweepMs) !== 0) return;
    for (const { id, stack_id, status } of this.store.rows.values())
      for (let times = random.chance(0.3) ? 2 : 1; status === 'completed' && times > 0; times--)
        this.call(cron, stack_id, (coordinator) => coordinator.remind(id)).catch(() => {});
  }

  // ------------------------------------------------------------ one stack's object

  #durableOf(stackId: string): Durable {
    const durable = this.#stacks.get(stackId) ?? { values: new Map(), alarmAt: null, object: null };
    this.#stacks.set(stackId, durable);
    return durable;
  }

  #objectOf(stackId: string) {
    const durable = this.#durableOf(stackId);
    durable.object ??= this.#newObject(stackId, durable);
    return durable.object;
  }

  #newObject(stackId: string, durable: Durable): NonNullable<Durable['object']> {
    const world = this.#world;
    const actor = newActor(`object.${stackId}`);
    const port = <T>(act: () => T) => world.port(actor, world.random.between(0.1, 2), act);
    const link = <T>(host: string, act: (link: HostLink) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        world.time.after(world.random.between(0.2, 5), null, () => {
          const target = this.linkOf(host);
          world.time.actor = target.actor;
          act(target).then(
            (value) => world.time.after(1, actor, () => resolve(value)),
            (error) => world.time.after(1, actor, () => reject(error)),
          );
        });
      });
    const ports = {
      store: this.store.for(actor),
      hosts: {
        online: (host: string) => link(host, async (target) => target.online()),
        deliver: (host: string, commands: Parameters<HostLink['deliver']>[0]) =>
          link(host, async (target) => target.deliver(commands)),
        deliverOwed: (host: string) => link(host, (target) => target.deliverOwed()),
        request: (host: string, kind: Parameters<HostLink['request']>[0], payload: unknown, timeoutMs: number) =>
          link(host, (target) => target.request(kind, payload, timeoutMs)),
      },
      memory: {
        get: (key: string) => port(() => durable.values.get(key)),
        put: (key: string, value: unknown) => port(() => void durable.values.set(key, value)),
        delete: (key: string) => port(() => durable.values.delete(key)),
        setAlarm: (at: number) =>
          port(() => {
            durable.alarmAt = at - epochMs;
            this.#arm(stackId);
          }),
        deleteAlarm: () =>
          port(() => {
            durable.alarmAt = null;
          }),
      },
      background: (work: Promise<unknown>) => void work.catch(() => {}),
    };
    const whole = { ...ports, preflight: preflightOver(ports.hosts, () => [...this.store.rows.values()]) };
    return { actor, coordinator: new Coordinator(world.options.plant?.ports?.(whole, world) ?? whole) };
  }

  #arm(stackId: string): void {
    const durable = this.#durableOf(stackId);
    const { alarmAt } = durable;
    if (alarmAt === null) return;
    const { time, random } = this.#world;
    time.after(alarmAt - time.now, null, () => {
      // Moved, or deleted, since; or nobody is there to be woken, and the sweep will see to it (F4).
      if (durable.alarmAt !== alarmAt || !this.up) return;
      durable.alarmAt = null;
      const platform = newActor('alarm');
      const ring = (tries: number) =>
        this.call(platform, stackId, (coordinator) => coordinator.wake()).catch(() => {
          if (tries < alarmTriesMax) time.after(2_000 * 2 ** tries, null, () => ring(tries + 1));
        });
      ring(0);
      // F3: the platform promises at least once.
      if (random.chance(0.02)) ring(0);
    });
  }
}
