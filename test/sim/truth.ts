import { isTerminal } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../../worker/migration/ports.ts';
import type { Transition } from '../../worker/migration/turn.ts';
import { epochMs } from './clock.ts';
import type { SimContainer } from './containers.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

interface Copy {
  /** What its volumes held when it last ran, by name. */
  last: Record<string, number>;
  running: Set<string>;
}

/**
 * What is really so, apart from what anybody recorded, and the invariants of it. Told of every start, end, write and
 * removal, and of every transition.
 */
export class Truth {
  readonly #world: World;
  /** Project → host → the copy there. */
  readonly #copies = new Map<string, Map<string, Copy>>();
  /** Project → the host whose copy ran last. */
  readonly #head = new Map<string, string>();
  /** Host and volume → what a transfer put there. */
  readonly #arrived = new Map<string, number>();
  readonly reminders = new Map<string, number>();
  /** Migration → the source's containers that ran when its stop was decided. */
  readonly #ran = new Map<string, Set<string>>();
  /** Migration → its window's end as it was at completion, and whether a purge of its source was ever asked for. */
  readonly #windows = new Map<string, { endsAt: number; purged: boolean }>();
  readonly #ends = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  copy(project: string, host: string): Copy {
    const copies = this.#copies.get(project) ?? new Map<string, Copy>();
    this.#copies.set(project, copies);
    const copy = copies.get(host) ?? { last: {}, running: new Set<string>() };
    copies.set(host, copy);
    return copy;
  }

  // ------------------------------------------------------------ Invariants 1 and 3: one copy, every byte

  started(host: SimHost, container: SimContainer): void {
    if (container.foreign) return;
    const { project } = container;
    const copy = this.copy(project, host.id);
    if (!container.byHand && container.spec.volumes.length > 0 && copy.running.size === 0)
      this.#startsWithAllBytes(host, project, copy);
    copy.running.add(container.id);
    if (container.byHand) return;
    for (const [other, { running }] of this.#copies.get(project) ?? []) {
      const rivals = [...running].filter((id) => !this.#world.host(other).containers.all.get(id)?.byHand);
      if (other !== host.id && rivals.length > 0)
        this.#world.violate(`Invariant 1: two copies of ${project} run: ${container.id}, beside ${rivals} on ${other}`);
    }
  }

  ended(host: SimHost, container: SimContainer): void {
    if (!container.foreign) this.copy(container.project, host.id).running.delete(container.id);
  }

  wrote(host: SimHost, container: SimContainer): void {
    if (container.foreign || container.spec.volumes.length === 0) return;
    this.copy(container.project, host.id).last = this.#held(host, container.project);
    // What somebody did to a kept copy is theirs, and does not make it the newer one.
    if (!container.byHand) this.#head.set(container.project, host.id);
  }

  #held(host: SimHost, project: string): Record<string, number> {
    return Object.fromEntries(
      [...host.volumes.values()]
        .filter((volume) => volume.project === project && !volume.foreign)
        .map(({ name, content }) => [name, content]),
    );
  }

  #startsWithAllBytes(host: SimHost, project: string, copy: Copy): void {
    const head = this.#head.get(project);
    if (head === undefined) return;
    const held = this.#held(host, project);
    const expected = this.copy(project, head).last;
    if (same(held, expected)) return;
    // Another copy ran since: then only a way back brings this one up, with its own bytes as of its stop.
    if (head !== host.id && Object.keys(copy.last).length > 0 && same(held, copy.last)) return;
    this.#world.violate(
      `bytes lost: ${project} starts on ${host.id} with ${JSON.stringify(held)} instead of ${JSON.stringify(expected)}`,
    );
  }

  // ------------------------------------------------------------ Invariants 3 and 5: nothing else is touched

  unpacked(
    host: SimHost,
    what: { name: string; madeBy: string | null; foreign: boolean },
    by: string,
    content: number,
  ) {
    if (what.foreign || what.madeBy !== by)
      this.#world.violate(`Invariant 5: ${by} unpacked into ${what.name} on ${host.id}, which it did not make`);
    this.#arrived.set(`${host.id} ${what.name}`, content);
  }

  removed(
    host: SimHost,
    what: { name: string; project: string; madeBy: string | null; foreign: boolean; runs: boolean },
    by: string,
  ): void {
    const named = `${what.name} on ${host.id}, removed for ${by}`;
    if (what.foreign) this.#world.violate(`Invariant 5: foreign: ${named}`);
    if (what.runs) this.#world.violate(`Invariant 5: it runs: ${named}`);
    const row = this.#world.control.store.rows.get(by);
    if (!row) throw this.#world.violate(`Invariant 5: no migration asked for it: ${named}`);
    const { status, saga } = row;
    const asked =
      (host.id === row.source_host_id && saga.window?.source_purge) ||
      (host.id === row.target_host_id && saga.window?.target_purge);
    const cleansUp =
      host.id === row.target_host_id && what.madeBy === by && ['failed', 'cancelled', 'reverting'].includes(status);
    if (what.project !== row.stack_name || (!asked && !cleansUp))
      this.#world.violate(`Invariant 5: nobody asked for it while ${status}: ${named}`);
    if (status === 'rolling_back') this.#world.violate(`Invariant 5: in a rollback: ${named}`);
  }

  touchedForeign(host: SimHost, container: SimContainer, what: string): void {
    if (container.foreign)
      this.#world.violate(`Invariant 5: ${what} of ${container.name} on ${host.id}, another stack's container`);
  }

  // ------------------------------------------------------------ Invariants 2, 4 and 6: at each transition

  /** `now` is when it was decided, by the control plane's clock: the write may have been long on its way. */
  committed(before: MigrationRow, next: Transition, now: number): void {
    const { saga } = next;
    const world = this.#world;
    const window = this.#windows.get(before.id) ?? { endsAt: saga.window?.ends_at ?? 0, purged: false };
    if (saga.window)
      this.#windows.set(before.id, { ...window, purged: window.purged || saga.window.source_purge !== null });
    if (saga.epoch < before.saga.epoch) world.violate(`${before.id}: the epoch went back`);
    for (const event of next.events) if (event.kind === 'cleanup_due') this.#remindedOnce(before, now);
    const told = next.events.filter(({ kind, data }) => kind === 'status' && data.to === saga.status).length;
    if (told !== (saga.status === before.status ? 0 : 1))
      world.violate(`Invariant 6: ${before.id} told ${told} times that it is ${saga.status}`);
    if (saga.status === 'needs_attention' && !saga.attention?.todo)
      world.violate(`Invariant 2: ${before.id} needs attention without an account of what is where`);
    if (saga.status === before.status) return;
    if (saga.status === 'stopping') this.#ran.set(before.id, this.#daemonsUp(before));
    if (before.status === 'completed' && saga.status === 'rolling_back') this.#windowIsOpen(before, now);
    if (before.status === 'verifying' && saga.status === 'completed') this.#provenEqual(before);
    if ((saga.status === 'failed' || saga.status === 'cancelled') && saga.steps.stopping) this.#sourceCameBack(before);
    if (!isTerminal(saga.status)) return;
    // What the copy that was given up wrote is given up with it.
    this.#head.set(before.stack_name, saga.status === 'completed' ? before.target_host_id : before.source_host_id);
    const times = (this.#ends.get(`${before.id} ${saga.status}`) ?? 0) + 1;
    this.#ends.set(`${before.id} ${saga.status}`, times);
    if (isTerminal(before.status))
      world.violate(`Invariant 6: ${before.id} ended as ${before.status} and ${saga.status}`);
    if (saga.status !== 'completed' && times > 1) world.violate(`Invariant 6: ${before.id} was ${saga.status} twice`);
  }

  #windowIsOpen({ id }: MigrationRow, now: number): void {
    const { endsAt = 0, purged } = this.#windows.get(id) ?? {};
    const over = now - endsAt;
    if (over >= 0) this.#world.violate(`${id}: a rollback began ${over} ms after the window's end`);
    if (purged) this.#world.violate(`${id}: a rollback began although the source is purged`);
  }

  /** The reminder, once, for each migration whose source is kept beyond its window. */
  assertReminded(): void {
    const { rows } = this.#world.control.store;
    for (const { id, status, saga } of rows.values())
      if (status === 'completed' && !saga.window?.source_purge?.done_at && !this.reminders.has(id))
        this.#world.violate(`${id}: nobody was reminded of what is kept`);
  }

  /** F45: a kept copy that runs is known to run. */
  assertCopiesNoticed(): void {
    for (const { id, source_host_id, stack_name, status, saga } of this.#world.control.store.rows.values()) {
      const { running } = this.copy(stack_name, source_host_id);
      const newest = [...this.#world.control.store.rows.values()].findLast((row) => row.stack_name === stack_name);
      if (newest?.id !== id || status !== 'completed' || saga.window?.source_purge) continue;
      if (running.size > 0 && !saga.window?.copy_running)
        this.#world.violate(`F45: ${[...running]} run beside their stack's new home, and nobody was told`);
    }
  }

  #remindedOnce({ id }: MigrationRow, now: number): void {
    if (now < (this.#windows.get(id)?.endsAt ?? 0)) this.#world.violate(`${id}: reminded too early`);
    const times = (this.reminders.get(id) ?? 0) + 1;
    this.reminders.set(id, times);
    if (times > 1) this.#world.violate(`${id}: the reminder was given ${times} times`);
  }

  #provenEqual({ id, stack_name, source_host_id, target_host_id, saga }: MigrationRow): void {
    const { last } = this.copy(stack_name, source_host_id);
    for (const { name } of saga.plan?.volumes ?? []) {
      const arrived = this.#arrived.get(`${target_host_id} ${name}`);
      if (arrived !== last[name])
        this.#world.violate(`Invariant 4: ${id} completed with ${arrived} in ${name}, not ${last[name]}`);
    }
    const path = saga.plan?.deployment.source_dir ?? '';
    const sent = this.#world.host(source_host_id).paths.get(path)?.content;
    const got = this.#arrived.get(`${target_host_id} ${saga.plan?.deployment.target_dir}`);
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

function same(a: Record<string, number>, b: Record<string, number>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
