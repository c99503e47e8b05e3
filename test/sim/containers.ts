import type { ContainerState } from '../../agent/engine/engine.ts';
import { epochMs } from './clock.ts';
import type { SimHost } from './host.ts';
import { type PolicyName, type ServiceSpec, stopTimeoutMs } from './stacks.ts';

export interface SimContainer {
  id: string;
  name: string;
  project: string;
  spec: ServiceSpec;
  directory: string;
  policy: PolicyName;
  state: 'created' | 'running' | 'exited';
  health: ContainerState['health'];
  exitCode: number | null;
  restarts: number;
  startedAt: string;
  /** Somebody asked for its end: `unless-stopped` heeds it. */
  stoppedByRequest: boolean;
  madeBy: string | null;
  /** Another stack's, which nobody may touch. */
  foreign: boolean;
  /** A person started it, and nobody of ours took it on since: beyond us, but to be noticed. */
  byHand: boolean;
  /** Of `docker compose run`: it has the stack's data, and is none of its services'. */
  oneOff: boolean;
  /** Of its present run. */
  run: number;
}

/** What a project does on this host when it is started there; set by the faults. */
export type Trouble = 'unhealthy' | 'starts for ever' | 'crash-loops' | 'does not start';

/** Of what ends by itself, and not well. */
export const crashCode = 1;

const writeEveryMs = 5_000;

/** The containers of one host, living, writing and dying in virtual time. */
export class Containers {
  readonly all = new Map<string, SimContainer>();
  readonly troubles = new Map<string, Trouble>();
  readonly #host: SimHost;
  #made = 0;
  #runs = 0;
  readonly #starts: { project: string; name: string; at: number }[] = [];

  constructor(host: SimHost) {
    this.#host = host;
  }

  /** Those of its services. */
  of(project: string): SimContainer[] {
    return this.withRuns(project).filter(({ oneOff }) => !oneOff);
  }

  /** One-off runs too. */
  withRuns(project: string): SimContainer[] {
    return [...this.all.values()].filter((container) => container.project === project);
  }

  /** What was started since, by the host's clock as it was then; also what is gone again. */
  startedSince(project: string, sinceMs: number): string[] {
    return this.#starts.filter((start) => start.project === project && start.at >= sinceMs).map(({ name }) => name);
  }

  create(project: string, spec: ServiceSpec, directory: string, madeBy: string | null): SimContainer {
    this.#made += 1;
    const container: SimContainer = {
      id: `${this.#host.id}-c${this.#made}`,
      name: `${project}-${spec.name}-1`,
      project,
      spec,
      directory,
      policy: spec.policy,
      state: 'created',
      health: null,
      exitCode: null,
      restarts: 0,
      startedAt: '0001-01-01T00:00:00Z',
      stoppedByRequest: false,
      madeBy,
      foreign: false,
      byHand: false,
      oneOff: false,
      run: 0,
    };
    this.all.set(container.id, container);
    return container;
  }

  start(container: SimContainer, why: string, byHand = false): void {
    const { world, id, skewMs } = this.#host;
    if (container.state === 'running') {
      // From here on it is ours, as if we had started it.
      if (container.byHand && !byHand) {
        container.byHand = false;
        world.truth.started(this.#host, container);
      }
      return;
    }
    this.#runs += 1;
    this.#starts.push({ project: container.project, name: container.name, at: epochMs + world.time.now + skewMs });
    Object.assign(container, {
      state: 'running',
      byHand,
      health: container.spec.healthcheck ? 'starting' : null,
      exitCode: null,
      startedAt: `${world.time.now}#${this.#runs}`,
      stoppedByRequest: false,
      run: this.#runs,
    });
    world.trace(id, `${container.name} runs (${why})`);
    world.truth.started(this.#host, container);
    this.#live(container);
  }

  /** The engine's stop: SIGTERM, after the grace SIGKILL. Calls `ended` with whether it had to be killed. */
  stop(container: SimContainer, graceMs: number | undefined, ended: (killed: boolean) => void): void {
    container.stoppedByRequest = true;
    if (container.state !== 'running') {
      ended(false);
      return;
    }
    const { run } = container;
    const patience = Math.min(stopTimeoutMs, graceMs ?? Number.POSITIVE_INFINITY);
    const killed = container.spec.stopMs > patience;
    this.#host.world.time.after(Math.min(container.spec.stopMs, patience), null, () => {
      if (container.run === run && container.state === 'running') this.#end(container, killed ? 137 : 0, !killed);
      ended(killed);
    });
  }

  /** `docker rm -f`. */
  removeByHand(container: SimContainer): void {
    if (container.state === 'running') {
      this.#end(container, 0, true);
      this.#host.world.truth.endedByHand(this.#host, container.project);
    }
    this.all.delete(container.id);
  }

  /** The machine, or the daemon, went down. */
  allEnd(): void {
    for (const container of this.all.values()) if (container.state === 'running') this.#end(container, 137, false);
  }

  daemonStarted(): void {
    for (const container of this.all.values()) {
      const { policy, stoppedByRequest, exitCode, state } = container;
      if (state === 'created') continue;
      const comesBack =
        policy === 'always' ||
        (policy === 'unless-stopped' && !stoppedByRequest) ||
        (policy === 'on-failure' && exitCode !== 0);
      // A container without a policy that ran when the machine went down is started by the operator of the machine.
      if (comesBack) this.start(container, `policy ${policy}`, container.byHand);
    }
  }

  /** What it was is over: healthchecks of what runs notice. */
  mend(project: string): void {
    this.troubles.delete(project);
    for (const container of this.of(project))
      if (container.state === 'running' && container.health)
        this.#later(container, container.spec.readyMs, () => {
          container.health = 'healthy';
        });
  }

  stateOf(container: SimContainer): ContainerState {
    return {
      id: container.id,
      name: container.name,
      service: container.spec.name,
      state: container.state,
      health: container.state === 'running' ? container.health : null,
      exit_code: container.exitCode,
      restart_count: container.restarts,
      started_at: container.startedAt,
      restart_policy: { name: container.policy, maximum_retry_count: 0 },
    };
  }

  #live(container: SimContainer): void {
    const { world, id } = this.#host;
    const { spec } = container;
    const trouble = this.troubles.get(container.project);
    const later = (ms: number, act: () => void) => this.#later(container, ms, act);
    this.#write(container);
    if (spec.oneShot) {
      later(spec.readyMs, () => this.#end(container, 0, true));
      return;
    }
    const write = () => {
      this.#write(container);
      later(writeEveryMs, write);
    };
    later(writeEveryMs, write);
    if (trouble === 'crash-loops') {
      later(world.random.between(200, 4_000), () => this.#crash(container));
      return;
    }
    if (!spec.healthcheck || trouble === 'starts for ever') return;
    later(spec.readyMs, () => {
      container.health = trouble === 'unhealthy' ? 'unhealthy' : 'healthy';
      if (trouble) world.trace(id, `${container.name} is ${container.health}`);
    });
  }

  /** Unless its present run has ended by then. */
  #later(container: SimContainer, ms: number, act: () => void): void {
    const { run } = container;
    this.#host.world.time.after(ms, null, () => {
      if (container.run === run && container.state === 'running') act();
    });
  }

  #crash(container: SimContainer): void {
    this.#end(container, crashCode, false);
    if (container.policy === 'no') return;
    container.restarts += 1;
    this.start(container, 'restarted after its crash', container.byHand);
  }

  #end(container: SimContainer, code: number, flushed: boolean): void {
    if (flushed) this.#write(container);
    container.state = 'exited';
    container.exitCode = code;
    container.health = null;
    this.#host.world.trace(this.#host.id, `${container.name} ended (${code})`);
    this.#host.world.truth.ended(this.#host, container);
  }

  #write(container: SimContainer): void {
    const { world, volumes } = this.#host;
    for (const name of container.spec.volumes) {
      const volume = volumes.get(name);
      if (!volume) throw world.violate(`${container.name} on ${this.#host.id} runs without its volume ${name}`);
      volume.content = world.newContent();
      volume.byHand = container.byHand;
    }
    world.truth.wrote(this.#host, container);
  }
}
