import type { Status } from '../../schema/migration-status.ts';
import type { SimContainer } from './containers.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

interface Copy {
  /** What its volumes held when it last ran, by name. */
  last: Record<string, number>;
  running: Set<string>;
}

/** From the source's stop until it is purged, or put back, nothing of it may run. */
const heldStill: ReadonlySet<Status> = new Set<Status>([
  'transferring',
  'shipping',
  'deploying',
  'verifying',
  'completed',
]);

/**
 * What is really so on the hosts, apart from what anybody recorded, and the invariants of it. Told of every start, end,
 * write and removal.
 */
export class Truth {
  readonly #world: World;
  /** Project → host → the copy there. */
  readonly #copies = new Map<string, Map<string, Copy>>();
  /** Project → the host whose copy ran last. */
  readonly #head = new Map<string, string>();
  /** Host and volume → what a transfer put there. */
  readonly #arrived = new Map<string, number>();

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
    this.#mayStart(host, container);
    for (const [other, { running }] of this.#copies.get(project) ?? []) {
      const rivals = [...running].filter((id) => !this.#world.host(other).containers.all.get(id)?.byHand);
      if (other !== host.id && rivals.length > 0)
        this.#world.violate(`Invariant 1: two copies of ${project} run: ${container.id}, beside ${rivals} on ${other}`);
    }
  }

  /** Invariant 3: what is stopped to be moved stays as it is. */
  #mayStart(host: SimHost, { project, id }: SimContainer): void {
    const newest = [...this.#world.control.store.rows.values()].findLast((row) => row.stack_name === project);
    if (newest?.source_host_id !== host.id || !newest.saga.results.stop_stack) return;
    if (newest.saga.undo === null && heldStill.has(newest.status))
      this.#world.violate(`Invariant 3: ${id} starts on ${host.id}, the source, while it is ${newest.status}`);
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

  /** What a transfer put there last, if any did. */
  arrivedAt(host: string, name: string | undefined): number | undefined {
    return this.#arrived.get(`${host} ${name}`);
  }

  /** Whose bytes count from now on: what the copy that was given up wrote is given up with it. */
  decided(project: string, host: string): void {
    this.#head.set(project, host);
  }

  touchedForeign(host: SimHost, container: SimContainer, what: string): void {
    if (container.foreign)
      this.#world.violate(`Invariant 5: ${what} of ${container.name} on ${host.id}, another stack's container`);
  }
}

function same(a: Record<string, number>, b: Record<string, number>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
