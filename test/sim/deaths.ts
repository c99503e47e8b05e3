import type { Actor } from './clock.ts';
import { Person } from './person.ts';
import type { World } from './world.ts';

const atHome = (world: World) => world.host(world.stacks[0]!.home);
const abroad = (world: World) => world.hosts.find(({ id }) => id !== world.stacks[0]!.home)!;

/** A host without agent and guard gets its agent back by then, as a service manager restarts it. */
export const guardlessMsMax = 20_000;

type Death = (world: World, actor: Actor, backMs: number) => void;

/** Who dies at a persisted transition, right before or right after it, and comes back a little later. */
export const deaths = {
  'the one that acts': (world, actor, backMs) => {
    const [kind, of] = actor.name.split('.') as [string, string];
    if (kind === 'object') return world.control.objects.evict(of);
    if (kind === 'link') return world.control.evictLink(of);
    world.time.kill(actor);
    // The agent's next start finds its guard missing: both dead for long is a machine that is ill.
    const backInMs = of === 'guard' ? Math.min(backMs, guardlessMsMax) : backMs;
    world.time.after(backInMs, null, () => world.host(kind).startAgent());
  },
  'both agents and every object': (world, _actor, backMs) => {
    for (const { id } of world.stacks) world.control.objects.evict(id);
    for (const host of world.hosts) {
      host.killAgent('all at once');
      world.time.after(backMs, null, () => host.startAgent());
    }
    world.relay.up = false;
    world.time.after(backMs, null, () => {
      world.relay.up = true;
    });
  },
  'every machine': (world, _actor, backMs) => {
    world.control.crash();
    world.time.after(backMs, null, () => world.control.restart());
    for (const host of world.hosts) {
      host.powerOff('all at once');
      world.time.after(backMs + 1_000, null, () => host.powerOn());
    }
  },
  'the source, for good': (world) => atHome(world).destroy('it burns'),
  'the target, for good': (world) => abroad(world).destroy('it burns'),
  'what takes connections': (world) => {
    for (const host of world.hosts) host.killHolder();
  },
  'a service that is stopped': (world, actor, backMs) => {
    const [kind] = actor.name.split('.') as [string];
    const host = world.hosts.find(({ id }) => id === kind) ?? world.random.pick(world.hosts);
    host.stopService(backMs);
  },
} satisfies { [who: string]: Death };

/** Nobody dies: a person does something to the stack there. */
const handwork = {
  'a person prunes containers': (world) => {
    for (const host of world.hosts) new Person(world).prune(host);
  },
  'a person prunes containers and volumes of the source': (world) => {
    new Person(world).prune(atHome(world));
    new Person(world).pruneVolumes(atHome(world));
  },
  'a person prunes containers and volumes of the target': (world) => {
    new Person(world).prune(abroad(world));
    new Person(world).pruneVolumes(abroad(world));
  },
  'a person brings the source up': (world) => new Person(world).up(atHome(world), world.stacks[0]!),
  'a person brings the target up': (world) => new Person(world).up(abroad(world), world.stacks[0]!),
  'a person takes the source down': (world) => new Person(world).down(atHome(world), world.stacks[0]!),
  'a person takes the target down': (world) => new Person(world).down(abroad(world), world.stacks[0]!),
  'a person runs something once on the source': (world, _, ms) =>
    new Person(world).run(atHome(world), world.stacks[0]!, ms),
  'a person runs something once on the target': (world, _, ms) =>
    new Person(world).run(abroad(world), world.stacks[0]!, ms),
} satisfies { [what: string]: Death };

export type Victim = keyof typeof deaths;
export const victims = Object.keys(deaths) as Victim[];
export type Blow = Victim | keyof typeof handwork;
export const blows = [...victims, ...(Object.keys(handwork) as (keyof typeof handwork)[])];

export function strike(world: World, who: Blow, what: string, actor: Actor, backMs: number): void {
  world.trace('crash', `${who}, ${what} (${actor.name})`);
  ({ ...deaths, ...handwork })[who](world, actor, backMs);
}
