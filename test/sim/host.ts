import type { Engine } from '../../agent/engine/engine.ts';
import { StackferryError } from '../../schema/errors.ts';
import { AgentProcess } from './agent-process.ts';
import type { Actor } from './clock.ts';
import { Containers } from './containers.ts';
import { SimDisk } from './disk.ts';
import { simEngine } from './engine.ts';
import { GuardProcess } from './guard-process.ts';
import { HolderProcess } from './holder-process.ts';
import type { StackSpec } from './stacks.ts';
import type { World } from './world.ts';

export interface SimVolume {
  /** A path where it is the directory of a bind mount. */
  name: string;
  project: string;
  /** Which bytes are in it: every write makes another. 0 is empty. */
  content: number;
  /** The migration that made it; null where a person did. */
  madeBy: string | null;
  foreign: boolean;
  /** What is in it was written by what a person started. */
  byHand: boolean;
  /** The process whose helper writes into it: no prune takes what a helper has mounted. */
  filledBy: Actor | null;
}

/** A project directory. */
export interface SimPath {
  path: string;
  content: number;
  madeBy: string | null;
  spec: StackSpec;
  foreign: boolean;
}

export interface SimNetwork {
  id: string;
  project: string;
  madeBy: string | null;
}

const serviceStopMsMax = 90_000;

/** One machine: disk, container engine, and the processes of ours. It loses power, and each part can die alone. */
export class SimHost {
  readonly id: string;
  readonly world: World;
  readonly disk: SimDisk;
  readonly volumes = new Map<string, SimVolume>();
  readonly paths = new Map<string, SimPath>();
  readonly networks = new Map<string, SimNetwork>();
  readonly containers: Containers;
  powered = true;
  engineUp = true;
  /** The engine kills, and the container does not end. */
  stopsFail = false;
  /** Nothing of ours is started again while it is set. */
  heldDown = false;
  /** When it, or its engine, last went down. */
  outageAt = Number.NEGATIVE_INFINITY;
  /** When a person last stopped the agent's service here. */
  disturbedAt = Number.NEGATIVE_INFINITY;
  /** It burnt down: nothing of it ever comes back. */
  lost = false;
  /** It left the fleet, and is let in no more. */
  deleted = false;
  /** When an agent last looked whether volumes are there that it knows by their names alone. */
  lookedForVolumesAt = Number.NEGATIVE_INFINITY;
  boot = 1;
  bootedAt = 0;
  agent: AgentProcess | null = null;
  guard: GuardProcess | null = null;
  holder: HolderProcess | null = null;
  /** What its wall clock shows beyond the true time (F38). */
  skewMs: number;

  constructor(world: World, id: string) {
    this.world = world;
    this.id = id;
    this.disk = new SimDisk(world, id);
    this.containers = new Containers(this);
    this.skewMs = world.random.between(-15_000, 15_000);
  }

  /** A call to the container engine. It may be done though its caller died. */
  engineCall<T>(caller: Actor, what: string, act: () => T): Promise<T> {
    const { world } = this;
    const ms = world.troubled ? world.random.longTail(1, 3_000) : world.random.between(1, 10);
    world.crashPoint(`before ${this.id} ${what}`, caller);
    return world.remote(caller, ms, () => {
      if (!this.engineUp || !this.powered)
        throw new StackferryError('engine_unreachable', 'the engine does not answer');
      if (world.troubled && world.random.chance(0.01))
        throw new StackferryError('engine_error', `the engine failed to ${what}`);
      const result = act();
      world.crashPoint(`after ${this.id} ${what}`, caller);
      return result;
    });
  }

  agentEngine(process: Actor): Engine {
    return simEngine(this, process);
  }

  /** F38: somebody, or a broken time server, sets its clock. */
  setClock(skewMs: number): void {
    this.skewMs = skewMs;
    for (const process of [this.agent, this.guard, this.holder]) if (process) process.actor.skewMs = skewMs;
  }

  startAgent(): void {
    if (!this.powered || this.agent?.actor.alive || this.heldDown) return;
    this.agent = new AgentProcess(this);
  }

  killAgent(why: string): void {
    if (!this.agent?.actor.alive) return;
    this.world.trace(this.id, `agent dies: ${why}`);
    this.world.time.kill(this.agent.actor);
  }

  /** As a service manager does it: SIGTERM to agent and guard, SIGKILL to what is left at the timeout. Starts it again later. */
  stopService(backMs: number): void {
    const { agent, guard, world } = this;
    if (!agent?.actor.alive) return;
    world.trace(this.id, 'the service is stopped');
    this.disturbedAt = world.time.now;
    guard?.end();
    world.time.after(0, agent.actor, () => void agent.end());
    const killed = () => {
      for (const process of [agent, guard]) if (process) world.time.kill(process.actor);
    };
    world.time.after(serviceStopMsMax, null, killed);
    world.time.after(serviceStopMsMax + backMs, null, () => this.startAgent());
  }

  /** Power off, for good. */
  destroy(why: string): void {
    this.lost = true;
    this.powerOff(why);
  }

  /** The guard outlives the agent that started it, not the machine. */
  ensureGuard(): void {
    if (this.world.options.plant?.unguarded) return;
    if (this.powered && !this.guard?.actor.alive) this.guard = new GuardProcess(this);
  }

  /** What takes connections outlives the agent as well. */
  ensureHolder(): HolderProcess {
    if (!this.holder?.actor.alive) this.holder = new HolderProcess(this);
    return this.holder;
  }

  killHolder(): void {
    if (!this.holder?.actor.alive) return;
    this.world.trace(this.id, 'the connection holder dies');
    this.world.time.kill(this.holder.actor);
  }

  powerOff(why: string): void {
    if (!this.powered) return;
    this.world.trace(this.id, `power off: ${why}`);
    this.powered = false;
    this.outageAt = this.world.time.now;
    this.killAgent('power');
    for (const process of [this.guard, this.holder]) if (process) this.world.time.kill(process.actor);
    this.disk.powerLoss();
    this.engineUp = false;
    this.containers.allEnd();
    this.world.connections.rebooted(this);
  }

  powerOn(): void {
    if (this.powered || this.lost) return;
    this.world.trace(this.id, 'power on');
    this.powered = true;
    this.boot += 1;
    this.bootedAt = this.world.time.now;
    this.startEngine();
    this.startAgent();
  }

  /** The daemon goes, and its containers with it, as with `systemctl restart docker`. */
  stopEngine(why: string): void {
    if (!this.engineUp) return;
    this.world.trace(this.id, `engine stops: ${why}`);
    this.engineUp = false;
    this.outageAt = this.world.time.now;
    this.containers.allEnd();
  }

  startEngine(): void {
    if (this.engineUp || !this.powered) return;
    this.world.trace(this.id, 'engine starts');
    this.engineUp = true;
    this.outageAt = this.world.time.now;
    this.containers.daemonStarted();
  }
}
