import type { Actor } from './clock.ts';
import type { World } from './world.ts';

type Death = (world: World, actor: Actor, backMs: number) => void;

/** Who dies at a persisted transition, right before or right after it, and comes back a little later. */
export const deaths = {
  'the one that acts': (world, actor, backMs) => {
    const [kind, of] = actor.name.split('.') as [string, string];
    if (kind === 'object') return world.control.objects.evict(of);
    if (kind === 'link') return world.control.evictLink(of);
    world.time.kill(actor);
    world.time.after(backMs, null, () => world.host(kind).startAgent());
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
  'the source, for good': (world) => world.host(world.stacks[0]!.home).destroy('it burns'),
  'the target, for good': (world) => world.hosts.find(({ id }) => id !== world.stacks[0]!.home)!.destroy('it burns'),
  'a service that is stopped': (world, actor, backMs) => {
    const [kind] = actor.name.split('.') as [string];
    const host = world.hosts.find(({ id }) => id === kind) ?? world.random.pick(world.hosts);
    host.stopService(backMs);
  },
} satisfies { [who: string]: Death };

export type Victim = keyof typeof deaths;
export const victims = Object.keys(deaths) as Victim[];

export function strike(world: World, who: Victim, what: string, actor: Actor, backMs: number): void {
  world.trace('crash', `${who}, ${what} (${actor.name})`);
  deaths[who](world, actor, backMs);
}
