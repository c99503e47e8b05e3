import type { Status } from '../../schema/migration-status.ts';
import type { SimContainer } from './containers.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

interface Copy {
  /** What its volumes held when it last ran, by name. */
  last: Record<string, number>;
  /** What they held when an agent last looked who uses them. */
  atLook: Record<string, number>;
  running: Set<string>;
  /** The last that happened to it: a person took it down. */
  endedByHand: boolean;
  /** Container's name → when it was last started. */
  starts: Map<string, number>;
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
 *
 * A person may do to the stack what they like (`person.ts`), and what follows from it is theirs: a copy that they start
 * counts for no invariant until something of ours starts it too, what they take down need not run, and what they delete is
 * gone. Of what is theirs this is ours:
 *
 *   - Nothing of ours starts beside another copy of ours, nor a stack on volumes that are not those
 *     with its data (spec 1: "never with fewer bytes"). A prune of them must not pass for a move, or for a way back.
 *   - What was moved is what the source held when it was last seen at rest (spec 4): a writer that is not seen is a fault.
 *   - A purge deletes what was moved, not what a person's copy wrote since (spec 5: "only what the migration recorded as its
 *     source"). What a migration made on a target that it turns back from goes, even if somebody else started it (spec
 *     4), and the clean-up comes to its end by itself.
 *   - A kept copy that runs is reported, one-off runs too (`course.ts`).
 */
export class Truth {
  readonly #world: World;
  /** Project → host → the copy there. */
  readonly #copies = new Map<string, Map<string, Copy>>();
  /** Project → the host whose copy ran last. */
  readonly #head = new Map<string, string>();
  /** Host and volume → what a transfer put there. */
  readonly #arrived = new Map<string, number>();
  /** Projects of which a person deleted volumes. */
  readonly #wiped = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  copy(project: string, host: string): Copy {
    const copies = this.#copies.get(project) ?? new Map<string, Copy>();
    this.#copies.set(project, copies);
    const fresh = { last: {}, atLook: {}, running: new Set<string>(), endedByHand: false, starts: new Map() };
    const copy = copies.get(host) ?? fresh;
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
    copy.starts.set(container.name, this.#world.time.now);
    if (!container.oneOff) copy.endedByHand = false;
    if (container.byHand) return;
    this.#mayStart(host, container);
    for (const [other, { running }] of this.#copies.get(project) ?? []) {
      const rivals = [...running].filter((id) => !this.#world.host(other).containers.all.get(id)?.byHand);
      if (other !== host.id && rivals.length > 0)
        this.#world.violate(`Invariant 1: two copies of ${project} run: ${container.id}, beside ${rivals} on ${other}`);
    }
  }

  /** Invariant 3: what is stopped to be moved stays as it is. A record that fell back may not know that it was put back since. */
  #mayStart(host: SimHost, { project, id }: SimContainer): void {
    const newest = [...this.#world.control.store.rows.values()].findLast((row) => row.stack_name === project);
    if (newest?.source_host_id !== host.id || !newest.saga.results.stop_stack) return;
    if (this.#world.control.store.behind.has(newest.id)) return;
    if (newest.saga.undo === null && heldStill.has(newest.status))
      this.#world.violate(`Invariant 3: ${id} starts on ${host.id}, the source, while it is ${newest.status}`);
  }

  ended(host: SimHost, container: SimContainer): void {
    if (!container.foreign) this.copy(container.project, host.id).running.delete(container.id);
  }

  /** A person took down what ran, or what stood there of a stack at home. */
  endedByHand(host: SimHost, project: string): void {
    this.copy(project, host.id).endedByHand = true;
  }

  /** A person deleted it, with what a transfer had put there. */
  prunedVolume(host: SimHost, name: string): void {
    this.#arrived.delete(`${host.id} ${name}`);
    this.#wiped.add(host.volumes.get(name)?.project ?? '');
  }

  /** A person deleted data of it somewhere: nothing of ours can bring that copy back. */
  isWiped(project: string): boolean {
    return this.#wiped.has(project);
  }

  /** A person created its volumes again: where the stack is at home, these are its data from now on. */
  beganAnew(host: SimHost, project: string, atHome: boolean): void {
    this.copy(project, host.id).last = this.#held(host, project);
    if (atHome) this.#head.set(project, host.id);
  }

  /** The control plane looked: only later writes are unseen. */
  lookedAt(host: SimHost, project: string): void {
    this.copy(project, host.id).atLook = this.#held(host, project);
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
    if (same(held, expected) || this.#isMove(host, project, held)) return;
    // Another copy ran since: then only a way back brings this one up, with its own bytes as of its stop.
    if (head !== host.id && Object.keys(copy.last).length > 0 && same(held, copy.last)) return;
    this.#world.violate(
      `bytes lost: ${project} starts on ${host.id} with ${JSON.stringify(held)} instead of ${JSON.stringify(expected)}`,
    );
  }

  /** What it moved, whatever a person's copy on the source wrote since it was seen at rest. */
  #isMove(host: SimHost, project: string, held: Record<string, number>): boolean {
    const newest = [...this.#world.control.store.rows.values()].findLast((row) => row.stack_name === project);
    const forward = newest?.target_host_id === host.id && newest.saga.undo === null && heldStill.has(newest.status);
    return forward && same(held, this.#world.course.movedBy(newest.id));
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
    this.#assertNotWrittenByHand(host, what.name, by);
    const named = `${what.name} on ${host.id}, removed for ${by}`;
    if (what.foreign) this.#world.violate(`Invariant 5: foreign: ${named}`);
    if (what.runs) this.#world.violate(`Invariant 5: it runs: ${named}`);
    const row = this.#world.control.store.rows.get(by);
    if (!row) throw this.#world.violate(`Invariant 5: no migration asked for it: ${named}`);
    const { status } = row;
    const asked = this.#world.course.wasPurged(by, host.id);
    const turnsBack = [status, this.#world.control.store.behind.get(by)].some((asking) =>
      ['failed', 'cancelled', 'reverting'].includes(asking ?? ''),
    );
    const cleansUp = host.id === row.target_host_id && what.madeBy === by && turnsBack;
    if (what.project !== row.stack_name || (!asked && !cleansUp))
      this.#world.violate(`Invariant 5: nobody asked for it while ${status}: ${named}`);
    // A purge of the target may be under way when the database falls back to before it.
    if (status === 'rolling_back' && !(asked && host.id === row.target_host_id))
      this.#world.violate(`Invariant 5: in a rollback: ${named}`);
  }

  /** The bytes that a person's copy wrote on one that is kept are only there. */
  #assertNotWrittenByHand(host: SimHost, name: string, by: string): void {
    const volume = host.volumes.get(name);
    const row = this.#world.control.store.rows.get(by);
    if (!volume?.byHand || !row || !['completed', 'rolled_back'].includes(row.status)) return;
    const { course } = this.#world;
    const atRest = host.id === row.source_host_id ? course.movedBy(by) : course.haltedBy(by);
    if (atRest[name] !== volume.content)
      this.#world.violate(
        `bytes lost: ${name} on ${host.id} is deleted for ${by}, with what a person's copy wrote there`,
      );
  }

  /** What a transfer put there last, if any did. */
  arrivedAt(host: string, name: string | undefined): number | undefined {
    return this.#arrived.get(`${host} ${name}`);
  }

  /** Whose bytes count from now on: what the copy that was given up wrote is given up with it. */
  decided(project: string, host: string): void {
    this.#head.set(project, host);
  }

  /** Its newest data is here, as far as anybody has written any since the beginning. */
  isHead(project: string, { id }: SimHost): boolean {
    return (this.#head.get(project) ?? id) === id;
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
