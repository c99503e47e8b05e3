import type { Status } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import { type Actor, VirtualTime } from './clock.ts';
import { Connections } from './connections.ts';
import { ControlPlane } from './control-plane.ts';
import { Course } from './course.ts';
import { SimHost } from './host.ts';
import { Relay } from './lanes.ts';
import { Names } from './names.ts';
import type { Plant } from './planted.ts';
import { Random } from './random.ts';
import { type StackSpec, stackSpecs } from './stacks.ts';
import { Truth } from './truth.ts';

export interface WorldOptions {
  seed: number;
  hosts: number;
  stacks: number;
  /** Prints each thing that happens. */
  trace?: (line: string) => void;
  /** A bug to live with. */
  plant?: Plant | undefined;
  /** Messages between agents and control plane arrive in the order they were sent. */
  ordered?: boolean;
}

/** An invariant does not hold: the run ends here. */
export class Violation extends Error {}

/** One run: its time, its chance, its hosts and control plane, and what is true of them. */
export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly options: WorldOptions;
  readonly truth: Truth;
  readonly course: Course;
  readonly connections: Connections;
  readonly hosts: SimHost[];
  readonly stacks: StackSpec[];
  readonly names: Names;
  readonly control: ControlPlane;
  readonly relay: Relay;
  /** Asked at each persisted transition; may kill whom it likes. */
  onCrashPoint: ((what: string, actor: Actor) => void) | null = null;
  /** While true, ports and messages fail and tarry at random. */
  troubled = false;
  /** All faults are over. */
  calm = false;
  violation: Violation | null = null;
  /** Called when a migration enters a status. */
  onStatus: ((row: MigrationRow, status: Status) => void) | null = null;
  /** Crash points passed. */
  points = 0;
  #contents = 1;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.truth = new Truth(this);
    this.course = new Course(this);
    this.connections = new Connections(this);
    this.hosts = Array.from({ length: options.hosts }, (_, index) => new SimHost(this, `h${index + 1}`));
    this.stacks = stackSpecs(this, options.stacks);
    this.names = new Names(this);
    this.control = new ControlPlane(this);
    this.relay = new Relay(this);
  }

  host(id: string): SimHost {
    const host = this.hosts.find((candidate) => candidate.id === id);
    if (!host) throw new Error(`no host ${id}`);
    return host;
  }

  /** A call of a process to something outside it: takes time, and neither acts for nor answers the dead. */
  port<T>(caller: Actor, ms: number, act: () => T): Promise<T> {
    if (!caller.alive) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      this.time.after(ms, caller, () => {
        try {
          const result = act();
          if (caller.alive) resolve(result);
        } catch (error) {
          if (error instanceof Violation) throw error;
          if (caller.alive) reject(error);
        }
      });
    });
  }

  /** What happens, even if a process dies meanwhile: `act` is the callee's, the answer the caller's. */
  remote<T>(caller: Actor, ms: number, act: () => T): Promise<T> {
    if (!caller.alive) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      this.time.after(ms, null, () => {
        let answer: () => void;
        try {
          const result = act();
          answer = () => resolve(result);
        } catch (error) {
          if (error instanceof Violation) throw error;
          answer = () => reject(error);
        }
        if (!caller.alive) return;
        this.time.actor = caller;
        answer();
      });
    });
  }

  crashPoint(what: string, actor: Actor): void {
    this.points += 1;
    this.onCrashPoint?.(what, actor);
  }

  newContent(): number {
    return this.#contents++;
  }

  violate(what: string): never {
    this.violation ??= new Violation(what);
    this.trace('!', what);
    throw this.violation;
  }

  trace(who: string, what: string): void {
    this.options.trace?.(`${(this.time.now / 1000).toFixed(3).padStart(10)}  ${who.padEnd(10)} ${what}`);
  }

  /** Runs until it is so, or the time is over. */
  runUntil(done: () => boolean, ms: number): boolean {
    const end = this.time.now + ms;
    while (!done()) {
      if (!this.time.step(end)) {
        this.time.now = end;
        return done();
      }
      if (this.violation) throw this.violation;
    }
    return true;
  }
}
