import { limits } from '../../schema/limits.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';
import type { MigrationWebhook } from '../../schema/webhook-events.ts';
import type { MigrationRow } from '../../worker/migration/ports.ts';
import type { Transition } from '../../worker/migration/turn.ts';
import { epochMs } from './clock.ts';
import { crashCode, type SimContainer } from './containers.ts';
import type { World } from './world.ts';

/** The course of every migration, transition by transition, held against what is really so, and the invariants of it. */
export class Course {
  readonly #world: World;
  /** Migration → the source's containers that ran when its stop was decided. */
  readonly #ran = new Map<string, Set<string>>();
  /** Migration → its window's end as it was at completion, and whether a purge of its source was ever asked for. */
  readonly #windows = new Map<string, { endsAt: number; purged: boolean }>();
  /** Migration → what its source's volumes held when they were proven to have arrived. */
  readonly #moved = new Map<string, Record<string, unknown>>();
  /** Migration and the terminal state it came to. */
  readonly #ends = new Set<string>();
  /** Migration and webhook → events owed. */
  readonly #announced = new Map<string, number>();

  /** Migration and host → when a lease was last granted, in the world's time. */
  readonly #granted = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
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
    if (window) this.#windows.set(before.id, { ...known, purged: known.purged || window.source_purge !== null });
    if (saga.epoch < before.saga.epoch) this.#world.violate(`${before.id}: the epoch went back`);
    this.#toldOnce(before, next, now, owed);
    if (saga.status === 'needs_attention' && !saga.attention?.todo)
      this.#world.violate(`Invariant 2: ${before.id} needs attention without an account of what is where`);
    if (saga.status === 'needs_attention' && !saga.attention?.resolutions?.length)
      this.#world.violate(`Invariant 2: ${before.id} needs attention, and nothing can be decided about it`);
    this.#leaseIsOver(before, next);
    if (saga.status === before.status) return;
    if (before.status === 'transferring')
      this.#moved.set(before.id, { ...this.#world.truth.copy(before.stack_name, before.source_host_id).last });
    if (saga.status === 'completed' || saga.status === 'rolled_back') this.#homeRuns(before, next);
    if (saga.status === 'stopping') this.#ran.set(before.id, this.#daemonsUp(before));
    if (before.status === 'completed' && saga.status === 'rolling_back' && !saga.rollback?.target_lost)
      this.#windowIsOpen(before, now);
    if (before.status === 'verifying' && saga.status === 'completed') this.#provenEqual(before, saga.source_lost);
    const failed = saga.status === 'failed' || saga.status === 'cancelled';
    if (failed && saga.steps.stopping && saga.failure?.code !== 'given_up') this.#sourceCameBack(before);
    if (isTerminal(saga.status)) this.#endsOnce(before, saga.status, owed);
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
    // What did not run before is not started by a rollback.
    if (saga.status === 'rolled_back' && !saga.results.stop_stack?.prior.some(({ running }) => running)) return;
    const daemons = host.containers.of(stack_name).filter(({ foreign, spec }) => !foreign && !spec.oneShot);
    const ended = daemons.filter(({ state, exitCode }) => state !== 'running' && exitCode !== crashCode);
    if (daemons.length === 0 || ended.length === daemons.length)
      this.#world.violate(`Invariant 2: ${id} is ${saga.status}, and nothing of ${stack_name} runs on ${host.id}`);
  }

  /** Invariant 6: each status is told of once, and each webhook owed once. */
  #toldOnce(before: MigrationRow, { saga, events }: Transition, now: number, owed: MigrationWebhook[]): void {
    const told = events.filter(({ kind, data }) => kind === 'status' && data.to === saga.status).length;
    if (told !== (saga.status === before.status ? 0 : 1))
      this.#world.violate(`Invariant 6: ${before.id} told ${told} times that it is ${saga.status}`);
    for (const type of owed) {
      const times = (this.#announced.get(`${before.id} ${type}`) ?? 0) + 1;
      this.#announced.set(`${before.id} ${type}`, times);
      if (times > 1 && type !== 'migration.needs_attention')
        this.#world.violate(`Invariant 6: ${before.id} owes ${type} ${times} times`);
    }
    const early = now < (this.#windows.get(before.id)?.endsAt ?? 0);
    if (early && owed.includes('migration.cleanup_due')) this.#world.violate(`${before.id}: reminded too early`);
  }

  /** A rollback that failed comes back to `completed`, and is not told again. */
  #endsOnce(before: MigrationRow, end: Status, owed: MigrationWebhook[]): void {
    const { id, stack_name, source_host_id, target_host_id } = before;
    const first = !this.#ends.has(`${id} ${end}`);
    this.#ends.add(`${id} ${end}`);
    this.#world.truth.decided(stack_name, end === 'completed' ? target_host_id : source_host_id);
    if (isTerminal(before.status)) this.#world.violate(`Invariant 6: ${id} ended as ${before.status} and ${end}`);
    // A person was asked about its host meanwhile.
    const again = end === 'completed' || before.saga.arming != null;
    if (!first && !again) this.#world.violate(`Invariant 6: ${id} was ${end} twice`);
    if (first !== owed.some((type) => type === `migration.${end}`))
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

  /** F45: a kept copy that runs is known to run. */
  assertCopiesNoticed(): void {
    for (const { id, source_host_id, stack_name, status, saga } of this.#world.control.store.rows.values()) {
      const { running } = this.#world.truth.copy(stack_name, source_host_id);
      const newest = [...this.#world.control.store.rows.values()].findLast((row) => row.stack_name === stack_name);
      if (newest?.id !== id || status !== 'completed' || saga.window?.source_purge) continue;
      if (running.size > 0 && !saga.window?.copy_running)
        this.#world.violate(`F45: ${[...running]} run beside their stack's new home, and nobody was told`);
    }
  }

  #provenEqual({ id, stack_name, source_host_id, target_host_id, saga }: MigrationRow, sourceLost: boolean): void {
    // What a source wrote after it was put back went with it.
    const last = (sourceLost && this.#moved.get(id)) || this.#world.truth.copy(stack_name, source_host_id).last;
    for (const { name } of saga.plan?.volumes ?? []) {
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
    return new Set(own.filter((c) => !c.foreign && !c.spec.oneShot && c.state === 'running').map(({ id }) => id));
  }

  /** Invariant 2, F12: never called failed unless what ran at the source was seen running after its stop. */
  #sourceCameBack({ id, source_host_id, saga }: MigrationRow): void {
    const since = (saga.steps.stopping?.started_at ?? 0) - epochMs;
    const host = this.#world.host(source_host_id);
    // Down again since it said so; whether all of it runs is looked at once it is back.
    if (!host.engineUp) return;
    // Where its machine went down before anything was recorded, what has no policy stays down, as it would without us.
    const recorded = new Set(saga.results.stop_stack?.prior.filter(({ running }) => running).map(({ id: ran }) => ran));
    const staysDown = ({ id: ran, spec }: SimContainer) =>
      host.outageAt >= since && spec.policy === 'no' && !recorded.has(ran);
    for (const container of [...(this.#ran.get(id) ?? [])].flatMap((ran) => host.containers.all.get(ran) ?? [])) {
      const back = container.state === 'running' || Number.parseFloat(container.startedAt) >= since;
      if (!back && !staysDown(container))
        this.#world.violate(`Invariant 2: ${id} ended, and ${container.name} never came back`);
    }
  }
}
