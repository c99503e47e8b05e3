import type { StackSummary } from '../../schema/facts.ts';
import { copiesSeen, moveOf } from '../../worker/saga/inventory/placement.ts';
import type { Coordinator } from '../../worker/saga/migration/coordinator.ts';
import { type Actor, newActor } from './clock.ts';
import { Network } from './connection.ts';
import type { CourseBackup } from './course.ts';
import { HostLink } from './host-link.ts';
import { type ObjectsBackup, StackObjects } from './stack-objects.ts';
import { type Backup, Store } from './store.ts';
import type { World } from './world.ts';

const hourMs = 3_600_000;
const sweepMs = 5 * 60_000;

export interface Backups {
  store: Backup;
  objects: ObjectsBackup;
  course: CourseBackup;
}

/** The Worker, its objects and its cron. */
export class ControlPlane {
  readonly store: Store;
  readonly network: Network;
  readonly objects: StackObjects;
  up = true;
  readonly #world: World;
  readonly #links = new Map<string, HostLink>();
  #sweeps = 0;

  constructor(world: World) {
    this.#world = world;
    this.store = new Store(world);
    this.network = new Network(world);
    this.objects = new StackObjects(world, this);
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
        const { actor, coordinator } = this.objects.objectOf(stackId);
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
    this.objects.evictAll();
    for (const host of [...this.#links.keys()]) this.evictLink(host);
    this.network.cutAllSockets();
  }

  /** Of everything, at a moment. */
  backup(): Backups {
    const { store, objects } = this;
    return { store: store.backup(), objects: objects.backup(), course: this.#world.course.backup() };
  }

  /**
   * Falls back to that moment: the database alone, as by D1's time travel, while its objects run on, or all of its state, by
   * somebody who leaves word of it, while it is stopped.
   */
  restore({ store, objects, course }: Backups, whole: boolean): void {
    const { up } = this;
    this.#world.trace('control', `is restored to an earlier moment (${whole ? 'whole' : 'the database alone'})`);
    if (whole) this.crash();
    this.store.restore(store, whole);
    this.#world.course.restore(course);
    if (!whole) return;
    this.objects.restore(objects);
    if (up) this.restart();
  }

  restart(): void {
    if (this.up) return;
    this.#world.trace('control', 'the control plane is back');
    this.up = true;
    this.objects.armAll();
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
}
