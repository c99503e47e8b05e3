import type { Fit, Obstacle } from '../../schema/drain.ts';
import { eachOf } from '../../schema/each-of.ts';
import { limits } from '../../schema/limits.ts';
import { type Load, type Placement, place, type Room } from './plan.ts';
import { bounded, type Refusal } from './why-not.ts';

export type Agreed =
  | { kind: 'placed'; load: Load; room: Room; fit: Fit }
  /** `anywhere`: no other host would change that. */
  | { kind: 'unplaced'; load: Load; obstacle: Obstacle; anywhere: boolean };

/**
 * Plans, examines each planned pair (null: the host takes the stack), and plans anew without those that were refused,
 * until every pair of the plan has been examined. A stack that is refused frees what was planned for it.
 */
export async function negotiate(
  loads: readonly Load[],
  rooms: readonly Room[],
  examine: (load: Load, room: Room) => Promise<Refusal | null>,
): Promise<Agreed[]> {
  const examined = new Map<string, Map<string, Refusal | null>>(loads.map(({ id }) => [id, new Map()]));
  const of = (load: Load, room: Room) => examined.get(load.id)?.get(room.id);
  const anywhere = (load: Load) => [...(examined.get(load.id)?.values() ?? [])].find((refusal) => refusal?.anywhere);
  const plan = () => place(loads, rooms, (load, room) => (of(load, room) ?? anywhere(load)) != null);

  function conclude(one: Placement): Agreed {
    const { load } = one;
    if (one.kind === 'placed' && of(load, one.room) === null) return one;
    const final = anywhere(load);
    if (final)
      return { kind: 'unplaced', load, obstacle: { code: final.code, message: final.message }, anywhere: true };
    const refused = rooms.filter((room) => of(load, room));
    const said = refused.map((room) => `"${room.name}": ${of(load, room)?.message}`);
    // Others were free to take it, and had no room; or the rounds were over before this one was asked.
    if (one.kind === 'placed') said.push(`"${one.room.name}" was not asked any more.`);
    else if (refused.length < rooms.length) said.push(one.obstacle.message);
    const code = one.kind === 'unplaced' && refused.length === 0 ? one.obstacle.code : 'preflight_failed';
    return { kind: 'unplaced', load, obstacle: { code, message: bounded(said.join(' ')) }, anywhere: false };
  }

  // A stack alone is refused once by each host at most; one that others push about takes more.
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
