import { changesLane, warmProjectLane, wholeProjectLane } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga, SagaPlan } from '../../../schema/saga.ts';

/** What moves in a lane of its own: each volume, then the data of each bind mount, by its name on either host. */
const treesOf = ({ volumes, binds }: SagaPlan) => [
  ...volumes.map(({ name }) => ({ source: name, target: name })),
  ...binds.map(({ path, place }) => ({ source: path, target: place })),
];
export type Side = 'source' | 'target';

/** One lane per volume or bind mount. What is sent again whole uses a second lane. */
export const lanesOf = (plan: SagaPlan, side: Side, sentWhole: string[] = []) =>
  treesOf(plan).flatMap((tree, index) => {
    if (sentWhole.length === 0) return [{ lane: `v${index}`, volume: tree[side] }];
    return sentWhole.includes(tree.source) ? [{ lane: `v${index}.whole`, volume: tree[side] }] : [];
  });

/** Lanes for the pre-copy passes while the stack runs, and for each round after them. */
export const warmLanesOf = (plan: SagaPlan, side: Side, round = 0) =>
  treesOf(plan).map((tree, index) => ({ lane: `w${index}${ofRound(round)}`, volume: tree[side] }));
/** In the names of those lanes. */
export const ofRound = (round: number) => (round === 0 ? '' : `.${round}`);

export const warmsProject = ({ results }: Saga): boolean =>
  (results.warm_source?.passages ?? []).some(({ lane }) => lane === warmProjectLane);

/** The first lanes after the stop, to be dialled during it; none if the target's agent does not know how. */
export function earlyLanes(saga: Saga): string[] {
  const { plan, results, status } = saga;
  const { expects_source } = results.pass_target ?? results.prepare_target ?? {};
  if (!plan || status !== 'stopping' || !expects_source) return [];
  const volumes = lanesOf(plan, 'target').map(({ lane }) => lane);
  const directory = results.stage_target ? [] : [warmsProject(saga) ? changesLane : wholeProjectLane];
  return [...volumes.slice(0, limits.agent.lanesAtOnceMax), ...directory];
}
