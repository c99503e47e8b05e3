import { isPath } from '../../agent/engine/tree.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Saga } from '../../schema/saga.ts';
import type { SimContainer } from './containers.ts';
import { makeVolumes } from './engine.ts';
import type { SimHost } from './host.ts';
import type { ServiceSpec, StackSpec } from './stacks.ts';
import type { World } from './world.ts';

/** So long an agent's look for a source's volumes, and the creation on the strength of it, may be apart; `slow` where calls tarry. */
const lookMs = { quick: 50, slow: 7_000 };

/** What a clean-up or a purge has still to remove is of the copy that is not at home. */
const startsOrStops = (kind: CommandKind) => !['cleanup_target', 'purge_source', 'purge_target'].includes(kind);

/**
 * Who acts on a host behind the product's back, with Docker's own commands. It does what they do, whether that is wise or not;
 * what the product still promises then is in `truth.ts`.
 */
export class Person {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** `docker compose up -d`: makes what is missing, volumes too, and starts it. At home, while nothing moves, that is the stack. */
  up(host: SimHost, stack: StackSpec): void {
    const path = this.#filesOn(host, stack);
    if (!path || !host.engineUp) return;
    this.#says(host, `docker compose up, of ${stack.project}`);
    const atHome = this.#isStill(host, stack);
    this.#makeVolumes(host, stack, path.spec.services);
    for (const spec of path.spec.services) {
      const known = this.#own(host, stack).find((container) => container.spec.name === spec.name && !container.oneOff);
      const container = known ?? host.containers.create(stack.project, spec, path.path, path.madeBy);
      host.containers.start(container, 'by hand', !atHome);
    }
  }

  /** `docker compose down`: containers go, one-off runs too, and volumes stay. */
  down(host: SimHost, stack: StackSpec): void {
    if (!host.engineUp) return;
    this.#says(host, `docker compose down, of ${stack.project}`);
    for (const container of this.#own(host, stack)) this.#remove(host, stack, container);
    for (const { id, project } of [...host.networks.values()]) if (project === stack.project) host.networks.delete(id);
  }

  /** `docker compose rm`: what does not run. */
  rm(host: SimHost, stack: StackSpec): void {
    if (!host.engineUp) return;
    this.#says(host, `docker compose rm, of ${stack.project}`);
    for (const container of this.#own(host, stack))
      if (container.state !== 'running') this.#remove(host, stack, container);
  }

  /** `docker container prune`. */
  prune(host: SimHost): void {
    for (const stack of this.#world.stacks) this.rm(host, stack);
  }

  /**
   * `docker volume prune --all`: what no container uses, a helper that receives included. Between an agent's look for the
   * volumes of a source and what Compose makes on the strength of it are some calls in which nobody could tell.
   */
  pruneVolumes(host: SimHost): void {
    const { time, truth, troubled } = this.#world;
    if (!host.engineUp || time.now - host.lookedForVolumesAt < lookMs[troubled ? 'slow' : 'quick']) return;
    this.#says(host, 'docker volume prune --all');
    const used = new Set([...host.containers.all.values()].flatMap(({ spec }) => spec.volumes));
    for (const { name, foreign, filledBy } of [...host.volumes.values()]) {
      if (foreign || isPath(name) || used.has(name) || filledBy?.alive) continue;
      truth.prunedVolume(host, name);
      host.volumes.delete(name);
    }
  }

  /** `docker compose run`: writes until it ends, and is gone then where it was run with `--rm`. */
  run(host: SimHost, stack: StackSpec, forMs: number): void {
    const path = this.#filesOn(host, stack);
    const spec = path?.spec.services.find(({ volumes }) => volumes.length > 0);
    if (!path || !spec || !host.engineUp) return;
    this.#says(host, `docker compose run, of ${stack.project}`);
    const volatile = this.#world.random.chance(0.5);
    this.#makeVolumes(host, stack, [spec]);
    const once = { ...spec, oneShot: false, healthcheck: false, policy: 'no' as const };
    const container = host.containers.create(stack.project, once, path.path, path.madeBy);
    Object.assign(container, { oneOff: true, name: `${stack.project}-${spec.name}-run-${container.id}` });
    host.containers.start(container, 'by hand', true);
    this.#world.time.after(forMs, null, () => {
      if (container.state === 'running') host.containers.stop(container, 0, () => {});
      this.#world.time.after(0, null, () => {
        if (volatile && container.state !== 'running') host.containers.all.delete(container.id);
      });
    });
  }

  #makeVolumes(host: SimHost, stack: StackSpec, services: ServiceSpec[]): void {
    const missing = services.some(({ volumes }) => volumes.some((name) => !host.volumes.has(name)));
    for (const spec of services) makeVolumes(host, spec, stack.project);
    if (missing) this.#world.truth.beganAnew(host, stack.project, this.#isStill(host, stack));
  }

  #remove(host: SimHost, stack: StackSpec, container: SimContainer): void {
    host.containers.removeByHand(container);
    if (!container.oneOff && this.#isStill(host, stack)) this.#world.truth.endedByHand(host, stack.project);
  }

  /** The stack is at home here, and nothing of ours has to do with it; a database that fell back may not know. */
  #isStill(host: SimHost, { id, project }: StackSpec): boolean {
    const { control, truth } = this.#world;
    const owes = ({ awaiting, retry }: Saga) => [...awaiting.map(({ kind }) => kind), ...retry].some(startsOrStops);
    const busy = [...control.store.rows.values()].some(
      ({ stack_id, status, saga }) => stack_id === id && (!isTerminal(status) || owes(saga)),
    );
    return control.store.homes.get(id) === host.id && truth.isHead(project, host) && !busy;
  }

  #own(host: SimHost, { project, directory }: StackSpec): SimContainer[] {
    const all = host.containers.withRuns(project);
    return all.filter((container) => !container.foreign && container.directory === directory);
  }

  #filesOn(host: SimHost, { project, directory }: StackSpec) {
    const path = host.paths.get(directory);
    const namesake = host.containers.of(project).some((container) => container.directory !== directory);
    return path && !path.foreign && !namesake ? path : null;
  }

  #says(host: SimHost, what: string): void {
    this.#world.trace('person', `on ${host.id}: ${what}`);
  }
}
