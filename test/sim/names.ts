import type { HostNames } from '../../agent/names/host-names.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { Actor } from './clock.ts';
import type { SimHost } from './host.ts';
import type { StackSpec } from './stacks.ts';
import type { World } from './world.ts';

const zone = 'example.com';
const nameOf = (project: string) => `${project}.${zone}`;
/** What a migration of the stack is asked to point at its target. */
export const cutoverNamesOf = ({ project }: StackSpec): string[] => [`${zone}/${nameOf(project)}`];

/** The names of clients, one of each stack; and the invariant of them: when all has ended, each leads to its stack. */
export class Names {
  readonly #world: World;
  /** Name → the host it leads to. */
  readonly records = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
    for (const { project, home } of world.stacks) this.records.set(nameOf(project), home);
  }

  assertLeadHome({ id, project }: StackSpec): void {
    const { rows, homes } = this.#world.control.store;
    const own = [...rows.values()].filter(({ stack_id }) => stack_id === id);
    // Nobody is left who could, or knows; or a later migration came before an earlier one's names were pointed.
    if (this.#world.hosts.some(({ lost }) => lost) || own.some(({ saga }) => saga.restorations > 0)) return;
    const told = own.flatMap(({ saga: { results } }) => [
      ...(results.point_names?.records ?? []),
      ...(results.point_names_back?.records ?? []),
    ]);
    if (told.some(({ left }) => left !== null)) return;
    const [leads, home] = [this.records.get(nameOf(project)), homes.get(id)];
    if (leads !== home) this.#world.violate(`${nameOf(project)} leads to ${leads}, and its stack lives on ${home}`);
  }
}

/** What an agent has of them: an API that may fail, by which it changes records. */
export function simNames(host: SimHost, actor: Actor): HostNames {
  const { world } = host;
  const call = <T>(what: string, act: () => T): Promise<T> => {
    world.crashPoint(`before ${host.id} ${what}`, actor);
    return world.remote(actor, world.random.between(20, 400), () => {
      if (world.troubled && world.random.chance(0.1))
        throw new StackferryError('command_failed', `Cloudflare answers 500 when asked to ${what}`);
      const done = act();
      world.crashPoint(`after ${host.id} ${what}`, actor);
      return done;
    });
  };
  const recordOf = (record_id: string) => ({
    ...{ zone_id: zone, record_id, type: 'A' as const, ttl: 300, proxied: false },
    content: world.names.records.get(record_id) ?? '',
  });
  return {
    records: ({ name }) => call('read names', () => [recordOf(name)]),
    read: ({ record_id }) => call('read a name', () => recordOf(record_id)),
    change: ({ record_id }, content) =>
      call('change a name', () => {
        world.trace(host.id, `points ${record_id} at ${content}`);
        world.names.records.set(record_id, content);
      }),
    addressFor: () => host.id,
    facts: async () => ({ token: true, addresses: [host.id], found: [] }),
  };
}
