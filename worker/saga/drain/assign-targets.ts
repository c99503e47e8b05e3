import type { Fit, Obstacle } from '../../../schema/drain.ts';
import { eachOf } from '../../../schema/each-of.ts';
import { limits } from '../../../schema/limits.ts';
import { type Load, type Placement, place, type Room, roomsFor } from './plan.ts';
import { bounded, boundedWays, type Refusal } from './refusal.ts';

export type Agreed =
  | { kind: 'placed'; load: Load; room: Room; fit: Fit }
  /** `anywhere`: no other host would help. */
  | { kind: 'unplaced'; load: Load; obstacle: Obstacle; anywhere: boolean };

/**
 * Plans, examines each planned pair (null: the host accepts the stack), and plans again without the refused pairs,
 * until every pair of the plan was examined. A refused stack frees the room planned for it. `pack`: see `place`.
 */
export async function negotiate(
  loads: readonly Load[],
  rooms: readonly Room[],
  examine: (load: Load, room: Room) => Promise<Refusal | null>,
  pack = false,
): Promise<Agreed[]> {
  const examined = new Map<string, Map<string, Refusal | null>>(loads.map(({ id }) => [id, new Map()]));
  const of = (load: Load, room: Room) => examined.get(load.id)?.get(room.id);
  const anywhere = (load: Load) => [...(examined.get(load.id)?.values() ?? [])].find((refusal) => refusal?.anywhere);
  const refused = (load: Load, room: Room) => (of(load, room) ?? anywhere(load)) != null;
  const plan = () => place(loads, rooms, { refused, pack });

  function conclude(one: Placement): Agreed {
    const { load } = one;
    if (one.kind === 'placed' && of(load, one.room) === null) return one;
    const final = anywhere(load);
    if (final) {
      const { anywhere: _, ...obstacle } = final;
      return { kind: 'unplaced', load, obstacle, anywhere: true };
    }
    const refused = rooms.filter((room) => of(load, room));
    const said = refused.map((room) => `"${room.name}": ${of(load, room)?.message}`);
    // Other hosts had no room, or the rounds ended before this host was asked.
    if (one.kind === 'placed') said.push(`"${one.room.name}" was not asked any more.`);
    else if (refused.length < roomsFor(load, rooms).length) said.push(one.obstacle.message);
    const code = one.kind === 'unplaced' && refused.length === 0 ? one.obstacle.code : 'preflight_failed';
    const lifted_by = boundedWays(refused.flatMap((room) => of(load, room)?.lifted_by ?? []));
    const obstacle = { code, message: bounded(said.join(' ')), lifted_by };
    return { kind: 'unplaced', load, obstacle, anywhere: false };
  }

  // A single stack is refused at most once per host; stacks that displace each other take more rounds.
  const roundsMax = rooms.length + limits.drain.planRoundsMax;
  for (let round = 0; ; round++) {
    const placements = plan();
    const untried = placements.flatMap((one) =>
      one.kind === 'placed' && of(one.load, one.room) === undefined ? [one] : [],
    );
    if (untried.length === 0 || round === roundsMax) return placements.map(conclude);
    await eachOf(untried, limits.drain.looksAtOnceMax, async ({ load, room }) => {
      examined.get(load.id)?.set(room.id, await examine(load, room));
    });
  }
}
