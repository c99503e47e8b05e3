import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import { cutoverWebhook, type MigrationWebhook } from '../../schema/webhook-events.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import type { Transition } from '../../worker/saga/migration/transition.ts';
import { epochMs } from './clock.ts';
import { crashCode } from './containers.ts';
import type { World } from './world.ts';

export interface CourseBackup {
  windows: [string, { endsAt: number; purged: boolean }][];
  ends: string[];
  announced: [string, number][];
}

/** The course of every migration, transition by transition, held against what is really so, and the invariants of it. */
export class Course {
  readonly #world: World;
  /** Migration → names of the source's containers that ran when its stop was decided. */
  readonly #ran = new Map<string, Set<string>>();
  /** Migration → its window's end as it was at completion, and whether a purge of its source was ever asked for. */
  readonly #windows = new Map<string, { endsAt: number; purged: boolean }>();
  /** Migration → what its source's volumes held when they were proven to have arrived. */
  readonly #moved = new Map<string, Record<string, number>>();
  /** Migration and host of every purge that was ever asked for. */
  readonly #purges = new Set<string>();
  readonly #halted = new Map<string, Record<string, number>>();
  /** Migration and the terminal state it came to. */
  readonly #ends = new Set<string>();
  /** Migration and webhook → events owed. */
  readonly #announced = new Map<string, number>();

  /** Migration → when it was first completed, in the world's time, whatever its database fell back to since. */
  readonly #arrivals = new Map<string, number>();
  /** Migration and host → when a lease was last granted, in the world's time. */
  readonly #granted = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** What was recorded and told, apart from what is so. */
  backup(): CourseBackup {
    return structuredClone({ windows: [...this.#windows], ends: [...this.#ends], announced: [...this.#announced] });
  }

  /** Nobody remembers what was told since. */
  restore({ windows, ends, announced }: CourseBackup): void {
    for (const known of [this.#windows, this.#ends, this.#announced]) known.clear();
    for (const [id, window] of windows) this.#windows.set(id, window);
    for (const end of ends) this.#ends.add(end);
    for (const [key, times] of announced) this.#announced.set(key, times);
  }

  /** When the stack came to its target, null where it never did. */
  arrivedAt(id: string): number | null {
    return this.#arrivals.get(id) ?? null;
  }

  wasPurged(id: string, host: string): boolean {
    return this.#purges.has(`${id} ${host}`);
  }

  /** What it moved, as its source was last seen at rest. */
  movedBy(id: string): Record<string, number> {
    return this.#moved.get(id) ?? {};
  }

  /** What its target held when a rollback last stopped it. */
  haltedBy(id: string): Record<string, number> {
    return this.#halted.get(id) ?? {};
  }

  granted(id: string, host: string): void {
    this.#granted.set(`${id} ${host}`, this.#world.time.now);
  }

  /**
   * `now` is when it was decided, by the control plane's clock: the write may have been long on its way. `owed` are the
   * webhook events that are written with it.
   */
  committed(before: MigrationRow, next: Transition, now: number, owed: MigrationWebhook[]): void {
    const { saga } = next;
    const { window } = saga;
    const known = this.#windows.get(before.id) ?? { endsAt: window?.ends_at ?? 0, purged: false };
    if (window?.source_purge) this.#purges.add(`${before.id} ${saga.source}`);
    if (window?.target_purge) this.#purges.add(`${before.id} ${saga.target}`);
    if (window) this.#windows.set(before.id, { ...known, purged: known.purged || window.source_purge !== null });
    if (saga.epoch < before.saga.epoch) this.#world.violate(`${before.id}: the epoch went back`);
    this.#toldOnce(before, next, now, owed);
    if (saga.status === 'needs_attention' && !saga.attention?.todo)
      this.#world.violate(`Invariant 2: ${before.id} needs attention without an account of what is where`);
    if (saga.status === 'needs_attention' && !saga.attention?.resolutions?.length)
      this.#world.violate(`Invariant 2: ${before.id} needs attention, and nothing can be decided about it`);
    this.#leaseIsOver(before, next);
    this.#world.connections.committed(before, next);
    if (before.saga.rollback?.phase === 'halting' && saga.rollback?.phase === 'reviving')
      this.#halted.set(before.id, { ...this.#world.truth.copy(before.stack_name, before.target_host_id).atLook });
    if (saga.status === before.status) return;
    if (before.status === 'transferring')
      this.#moved.set(before.id, { ...this.#world.truth.copy(before.stack_name, before.source_host_id).atLook });
    // Not again where the database forgot that it had come there: since then its data may be gone by a person's hand.
    const arrives = saga.status === 'completed' && !this.#arrivals.has(before.id);
    if (arrives) this.#arrivals.set(before.id, this.#world.time.now);
    if (saga.status === 'completed' || saga.status === 'rolled_back') this.#homeRuns(before, next);
    if (saga.status === 'stopping') this.#ran.set(before.id, this.#daemonsUp(before));
    // After a restore one may be found under way: it began before.
    const begins = before.status === 'completed' && saga.status === 'rolling_back' && !before.saga.telling;
    // Nobody saw the target run yet: then the way back stays open.
    if (begins && !saga.rollback?.target_lost && !before.saga.arming) this.#windowIsOpen(before, now);
    if (arrives && before.status === 'verifying') this.#provenEqual(before);
    const failed = saga.status === 'failed' || saga.status === 'cancelled';
    if (failed && saga.steps.stopping && saga.failure?.code !== 'given_up') this.#sourceCameBack(before);
    if (isTerminal(saga.status)) this.#endsOnce(before, next, owed);
  }

  /** Invariant 1: one side is put back only when no lease of the other can last any more, or that side said it stopped. */
  #leaseIsOver({ id, saga: before, source_host_id, target_host_id }: MigrationRow, { saga }: Transition): void {
    if (before.undo?.phase !== 'stop' || saga.undo?.phase !== 'restore') return;
    const [kind, host] =
      before.undo.from === 'migration'
        ? (['stop_target', target_host_id] as const)
        : (['stop_source', source_host_id] as const);
    const answered = saga.results[kind] !== undefined && before.awaiting.some((awaited) => awaited.kind === kind);
    const sinceMs = this.#world.time.now - (this.#granted.get(`${id} ${host}`) ?? Number.NEGATIVE_INFINITY);
    if (!answered && !this.#world.host(host).lost && sinceMs < limits.lease.leaseMs)
      this.#world.violate(`Invariant 1: ${id} goes back ${Math.round(sinceMs)} ms after ${host} was granted a lease`);
  }

  /**
   * Invariant 2: where a migration ends the stack runs, at the moment that its end is written. What a machine, an engine, a
   * person or the stack itself ended meanwhile nobody can promise.
   */
  #homeRuns({ id, status, stack_name, source_host_id, target_host_id }: MigrationRow, { saga }: Transition): void {
    // What is put back, or armed late, was seen running with its restart policies on.
    if (saga.status === 'completed' ? status !== 'verifying' : status !== 'rolling_back') return;
    const host = this.#world.host(saga.status === 'completed' ? target_host_id : source_host_id);
    const proven = Math.max(saga.steps.verifying?.started_at ?? 0, saga.rollback?.requested_at ?? 0) - epochMs;
    if (Math.max(host.outageAt, host.disturbedAt) >= proven) return;
    if (this.#world.truth.copy(stack_name, host.id).endedByHand) return;
    // What did not run before is not started by a rollback.
    if (saga.status === 'rolled_back' && !saga.results.stop_stack?.prior.some(({ running }) => running)) return;
    const daemons = host.containers.of(stack_name).filter(({ foreign, spec }) => !foreign && !spec.oneShot);
    const ended = daemons.filter(({ state, exitCode }) => state !== 'running' && exitCode !== crashCode);
    if (daemons.length === 0 || ended.length === daemons.length)
      this.#world.violate(`Invariant 2: ${id} is ${saga.status}, and nothing of ${stack_name} runs on ${host.id}`);
  }

  /** Invariant 6: each status is announced once, and each webhook owed once. */
  #toldOnce(before: MigrationRow, { saga, events }: Transition, now: number, owed: MigrationWebhook[]): void {
    const told = events.filter(({ kind, data }) => kind === 'status' && data.to === saga.status).length;
    if (told !== (saga.status === before.status ? 0 : 1))
      this.#world.violate(`Invariant 6: ${before.id} told ${told} times that it is ${saga.status}`);
    // A hold whose cutover was called off is announced again.
    const again = events.some(({ data }) => data.called_off === true);
    // The source was lost after a rollback.
    const movesBack = events.some(({ data }) => data.clients_move === true);
    for (const type of owed) {
      if (type === 'migration.holding' && again) continue;
      if (type === cutoverWebhook && movesBack) continue;
      // Once for each host that clients are sent to.
      const key = type === cutoverWebhook ? `${before.id} ${type} ${saga.status}` : `${before.id} ${type}`;
      const times = (this.#announced.get(key) ?? 0) + 1;
      this.#announced.set(key, times);
      if (times > 1 && type !== 'migration.needs_attention' && saga.restorations === 0)
        this.#world.violate(`Invariant 6: ${before.id} owes ${type} ${times} times`);
    }
    const isMoved = owed.includes('migration.completed') || owed.includes('migration.rolled_back') || movesBack;
    if (owed.includes(cutoverWebhook) !== isMoved)
      this.#world.violate(`Invariant 6: ${before.id} is ${saga.status} and owes clients ${isMoved ? 'no' : 'a'} word`);
    const early = now < (this.#windows.get(before.id)?.endsAt ?? 0);
    if (early && owed.includes('migration.cleanup_due')) this.#world.violate(`${before.id}: reminded too early`);
  }

  /** A rollback that failed comes back to `completed`, and is not told again. */
  #endsOnce(before: MigrationRow, { saga }: Transition, owed: MigrationWebhook[]): void {
    const end = saga.status;
    const { id, stack_name, source_host_id, target_host_id } = before;
    const first = !this.#ends.has(`${id} ${end}`);
    this.#ends.add(`${id} ${end}`);
    this.#world.truth.decided(stack_name, end === 'completed' ? target_host_id : source_host_id);
    // By its hosts' records it had ended otherwise since.
    const corrected = saga.restorations > 0;
    if (isTerminal(before.status) && !corrected)
      this.#world.violate(`Invariant 6: ${id} ended as ${before.status} and ${end}`);
    // A person was asked about its host meanwhile.
    const again = end === 'completed' || before.saga.arming != null || corrected;
    if (!first && !again) this.#world.violate(`Invariant 6: ${id} was ${end} twice`);
    // It was told of when it came to it, before the database forgot.
    if (!corrected && first !== owed.some((type) => type === `migration.${end}`))
      this.#world.violate(`Invariant 6: ${id} ended as ${end} and owes ${owed.length > 0 ? owed : 'nobody a word'}`);
  }

  #windowIsOpen({ id }: MigrationRow, now: number): void {
    const { endsAt = 0, purged } = this.#windows.get(id) ?? {};
    if (now >= endsAt) this.#world.violate(`${id}: a rollback began ${now - endsAt} ms after the window's end`);
    if (purged) this.#world.violate(`${id}: a rollback began although the source is purged`);
  }

  /** The reminder, once, for each migration whose source is kept beyond its window. */
  assertReminded(): void {
    const { rows } = this.#world.control.store;
    for (const { id, status, saga } of rows.values())
      if (
        status === 'completed' &&
        !saga.window?.source_purge?.done_at &&
        !this.#announced.has(`${id} migration.cleanup_due`)
      )
        this.#world.violate(`${id}: nobody was reminded of what is kept`);
  }

  /** F45: a kept copy that runs is known to run, however it was started. */
  assertCopiesNoticed(): void {
    for (const row of this.#world.control.store.rows.values()) {
      const { id, source_host_id, target_host_id, stack_name, status, saga } = row;
      const kept = status === 'completed' ? source_host_id : target_host_id;
      const { running } = this.#world.truth.copy(stack_name, kept);
      const newest = [...this.#world.control.store.rows.values()].findLast((other) => other.stack_name === stack_name);
      if (newest?.id !== id || (status !== 'completed' && status !== 'rolled_back')) continue;
      if (status === 'completed' ? saga.window?.source_purge : saga.window?.target_purge) continue;
      if (running.size > 0 && !saga.window?.copy_running)
        this.#world.violate(`F45: ${[...running]} run beside their stack's new home, and nobody was told`);
    }
  }

  /**
   * What a source wrote after it was put back, or a person's copy there after the proof, is there or went with it. Where the
   * database forgot a completion, and the purge after it, that was proven then.
   */
  #provenEqual({ id, source_host_id, target_host_id, saga }: MigrationRow): void {
    if (this.wasPurged(id, source_host_id)) return;
    const last = this.movedBy(id);
    const { volumes = [], binds = [] } = saga.plan ?? {};
    for (const name of [...volumes.map((volume) => volume.name), ...binds.map(({ place }) => place)]) {
      const arrived = this.#world.truth.arrivedAt(target_host_id, name);
      if (arrived !== last[name])
        this.#world.violate(`Invariant 4: ${id} completed with ${arrived} in ${name}, not ${last[name]}`);
    }
    const path = saga.plan?.deployment.source_dir ?? '';
    const sent = this.#world.host(source_host_id).paths.get(path)?.content;
    const got = this.#world.truth.arrivedAt(target_host_id, saga.plan?.deployment.target_dir);
    if (sent !== got) this.#world.violate(`Invariant 4: ${id} completed with ${got} as project, not ${sent}`);
  }

  #daemonsUp({ stack_name, source_host_id }: MigrationRow): Set<string> {
    const own = this.#world.host(source_host_id).containers.of(stack_name);
    return new Set(own.filter((c) => !c.foreign && !c.spec.oneShot && c.state === 'running').map(({ name }) => name));
  }

  /**
   * Invariant 2, F12: never called failed unless what ran at the source was seen running after its stop, recreated if a
   * person removed it meanwhile. What a person took down before its stop was recorded stays down, as it would without us.
   */
  #sourceCameBack({ id, stack_name, source_host_id, saga }: MigrationRow): void {
    const since = (saga.steps.stopping?.started_at ?? 0) - epochMs;
    const host = this.#world.host(source_host_id);
    // Down again since it said so; whether all of it runs is looked at once it is back.
    if (!host.engineUp) return;
    const recorded = new Set(saga.results.stop_stack?.prior.flatMap(({ running, name }) => (running ? [name] : [])));
    const { starts } = this.#world.truth.copy(stack_name, source_host_id);
    for (const name of this.#ran.get(id) ?? []) {
      const there = host.containers.of(stack_name).find((container) => !container.foreign && container.name === name);
      if (there?.state === 'running' || (starts.get(name) ?? 0) >= since) continue;
      // Where its machine went down before anything was recorded, what has no policy stays down too.
      const staysDown = !there || (host.outageAt >= since && there.spec.policy === 'no');
      if (recorded.has(name) || !staysDown)
        this.#world.violate(`Invariant 2: ${id} ended, and ${name} never came back`);
    }
  }
}
