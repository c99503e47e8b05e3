import { limits } from '../../schema/limits.ts';
import type { Trouble } from './containers.ts';
import { guardlessMsMax } from './deaths.ts';
import type { SimHost } from './host.ts';
import { Person } from './person.ts';
import { bringUpNamesake } from './setting.ts';
import type { World } from './world.ts';

type Fault = (world: World, forMs: number, among: SimHost[]) => void;

/** A write is on its way for no longer. */
export const holdUpMsMax = 30_000;

/** What may go wrong, each for some time; `heal` makes all of it well. */
const faults: { [name: string]: Fault } = {
  'an object is evicted': ({ control, random, stacks }) => control.objects.evict(random.pick(stacks).id),
  'a connection object is evicted': ({ control, random }, _ms, among) => control.evictLink(random.pick(among).id),
  'every socket is cut': ({ control }) => control.network.cutAllSockets(),
  'the control plane is gone': (world, ms) => {
    world.control.crash();
    world.time.after(ms, null, () => world.control.restart());
  },
  'the database is down': ({ control, time }, ms) => {
    control.store.downUntil = time.now + ms;
  },
  'answers of the database are lost': ({ control, random }) => {
    control.store.answersToLose += Math.ceil(random.between(0, 3));
  },
  'a write is held up, and its object replaced': ({ control }, ms) => {
    control.store.holdUpMs = Math.min(ms, holdUpMsMax);
  },
  'an agent is killed': (world, ms, among) => {
    const host = world.random.pick(among);
    host.killAgent('SIGKILL');
    world.time.after(ms, null, () => host.startAgent());
  },
  'an agent and its guard are killed': (world, ms, among) => {
    const host = world.random.pick(among);
    host.killAgent('SIGKILL');
    if (host.guard) world.time.kill(host.guard.actor);
    world.time.after(Math.min(ms, guardlessMsMax), null, () => host.startAgent());
  },
  'the service of an agent is stopped': (world, ms, among) => {
    const host = world.random.pick(among);
    host.stopService(ms);
    world.time.after(ms, null, () => host.startAgent());
  },
  'a write is held up, its object replaced, and a host cut off': (world, ms, among) => {
    world.control.store.holdUpMs = holdUpMsMax;
    const { id } = world.random.pick(among);
    world.time.after(world.random.between(20_000, 32_000), null, () => {
      if (!world.calm) world.control.network.cut(id, 'both');
    });
    world.time.after(32_000 + ms, null, () => world.control.network.cut(id, 'none'));
  },
  'all agents are killed': (world, ms) => {
    for (const host of world.hosts) {
      host.killAgent('SIGKILL');
      world.time.after(ms, null, () => host.startAgent());
    }
  },
  'an engine is restarted': (world, ms, among) => {
    const host = world.random.pick(among);
    host.stopEngine('told to');
    world.time.after(Math.min(ms, 60_000), null, () => host.startEngine());
  },
  'an engine cannot end what runs': (world, ms, among) => {
    const host = world.random.pick(among);
    host.stopsFail = true;
    // Beyond the margin of a lease it would need a host that is cut off to be trusted with nothing.
    world.time.after(Math.min(ms, limits.lease.marginMs / 2), null, () => {
      host.stopsFail = false;
    });
  },
  'a host loses power': (world, ms, among) => {
    const host = world.random.pick(among);
    host.powerOff('lost');
    world.time.after(ms, null, () => host.powerOn());
  },
  'everything loses power': (world, ms) => {
    world.control.crash();
    world.time.after(ms, null, () => world.control.restart());
    for (const host of world.hosts) {
      host.powerOff('all of it');
      world.time.after(world.random.between(1, 2) * ms, null, () => host.powerOn());
    }
  },
  'a host is cut off': (world, ms, among) => {
    const { id } = world.random.pick(among);
    world.control.network.cut(id, world.random.pick(['both', 'up', 'down']));
    world.time.after(ms, null, () => world.control.network.cut(id, 'none'));
  },
  'the relay is gone': (world, ms) => {
    world.relay.up = false;
    world.time.after(ms, null, () => {
      world.relay.up = true;
    });
  },
  'a clock is hours off': (world, ms, among) => {
    const host = world.random.pick(among);
    host.setClock(world.random.between(-6, 6) * 3_600_000);
    world.time.after(ms, null, () => host.setClock(0));
  },
  'a disk is full': (world, ms, among) => {
    const { disk } = world.random.pick(among);
    disk.full = true;
    world.time.after(ms, null, () => {
      disk.full = false;
    });
  },
  'a stack does not get well somewhere': (world, ms, among) => {
    const { containers } = world.random.pick(among);
    const { project } = world.random.pick(world.stacks);
    containers.troubles.set(
      project,
      world.random.pick<Trouble>(['unhealthy', 'starts for ever', 'crash-loops', 'does not start']),
    );
    world.time.after(ms, null, () => containers.mend(project));
  },
  'messages go astray': (world, ms) => {
    world.troubled = true;
    world.time.after(ms, null, () => {
      world.troubled = false;
    });
  },
  'another stack of that name appears': (world, _ms, among) => {
    const host = world.random.pick(among);
    const stack = world.random.pick(world.stacks);
    if (host.engineUp) bringUpNamesake(host, stack);
  },
  'somebody starts a kept copy by hand': (world) => {
    const { project, id } = world.random.pick(world.stacks);
    const home = world.control.store.homes.get(id);
    for (const host of world.hosts.filter((candidate) => candidate.id !== home && candidate.engineUp))
      for (const container of host.containers.of(project)) {
        if (container.foreign || container.madeBy !== null || container.state === 'running') continue;
        host.containers.start(container, 'by hand', true);
      }
  },
  'the control plane falls back to an earlier moment': (world, ms) => {
    const { control, random, time } = world;
    const backup = control.backup();
    const whole = random.chance(0.5);
    // A migration that it knows nothing of is beyond it: docs/known-limits.md.
    time.after(ms, null, () => {
      if (!world.calm && control.store.rows.size === backup.store.rows.length) control.restore(backup, whole);
    });
  },
  'a person brings a stack up': (world, _ms, among) =>
    new Person(world).up(world.random.pick(among), world.random.pick(world.stacks)),
  'a person takes a stack down': (world, _ms, among) =>
    new Person(world).down(world.random.pick(among), world.random.pick(world.stacks)),
  'a person takes a stack down, and up again': (world, ms, among) => {
    const host = world.random.pick(among);
    const stack = world.random.pick(world.stacks);
    new Person(world).down(host, stack);
    // Once every fault is over, no person acts: the end is judged.
    world.time.after(ms, null, () => {
      if (!world.calm) new Person(world).up(host, stack);
    });
  },
  'a person prunes containers': (world, _ms, among) => new Person(world).prune(world.random.pick(among)),
  'a person prunes containers and volumes': (world, _ms, among) => {
    const host = world.random.pick(among);
    new Person(world).prune(host);
    new Person(world).pruneVolumes(host);
  },
  'a person prunes volumes': (world, _ms, among) => new Person(world).pruneVolumes(world.random.pick(among)),
  'a person runs something once': (world, ms, among) =>
    new Person(world).run(world.random.pick(among), world.random.pick(world.stacks), ms),
};

export const faultNames = Object.keys(faults);
const handwork = faultNames.filter((name) => name.startsWith('a person'));
/** What a migration may meet at any of its steps. */
export const stepFaults = [
  'an object is evicted',
  'the control plane is gone',
  'answers of the database are lost',
  'a write is held up, and its object replaced',
  'a write is held up, its object replaced, and a host cut off',
  'an agent is killed',
  'an agent and its guard are killed',
  'the service of an agent is stopped',
  'an engine is restarted',
  'an engine cannot end what runs',
  'a host loses power',
  'a host is cut off',
  'the relay is gone',
  'messages go astray',
  'another stack of that name appears',
  'the control plane falls back to an earlier moment',
  ...handwork,
];

export function happen(world: World, name: string, forMs: number, among = world.hosts): void {
  world.trace('fault', `${name} (${Math.round(forMs / 1000)} s)`);
  faults[name]!(world, forMs, among);
}

export function heal(world: World): void {
  world.trace('fault', 'all is mended');
  world.calm = true;
  world.onCrashPoint = null;
  world.onStatus = null;
  world.troubled = false;
  world.relay.up = true;
  world.control.store.downUntil = 0;
  world.control.store.answersToLose = 0;
  world.control.store.holdUpMs = 0;
  world.control.restart();
  for (const host of world.hosts) {
    host.disk.full = false;
    host.stopsFail = false;
    host.setClock(0);
    for (const { project } of world.stacks) host.containers.mend(project);
    world.control.network.cut(host.id, 'none');
    host.powerOn();
    host.startEngine();
    host.startAgent();
  }
}
