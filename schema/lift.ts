import { z } from 'zod';
import { variableName } from './environment.ts';
import { modes, sizings } from './migration-status.ts';
import { changedOptions, moveOptions } from './move-options.ts';

/** Options of a migration that lift a refusal; `binds` and `env` are added to those asked for. */
export const lift = z
  .object({
    sizing: z.enum(sizings).optional(),
    mode: z.enum(modes).optional(),
    ...changedOptions,
    env: z.array(variableName).optional().describe('Names of variables; their values are yours to give.'),
  })
  .meta({ id: 'Lift' });
export type Lift = z.infer<typeof lift>;

/** Both together. */
const bothOf = (one: Lift, other: Lift): Lift => {
  const lists = (['binds', 'env'] as const).map(
    (name) => [name, [...(one[name] ?? []), ...(other[name] ?? [])]] as const,
  );
  const joined = lists.filter(([, list]) => list.length > 0).map(([name, list]) => [name, [...new Set(list)]]);
  return { ...one, ...other, ...Object.fromEntries(joined) };
};

/**
 * Ways to lift all that a pre-flight refused, the best one first; each suffices. None if it passed, or if something has
 * to be fixed.
 */
export function waysOut(checks: readonly { status: string; lifted_by?: Lift[] }[]): Lift[] {
  // A report of the release before says nothing.
  const refused = checks.filter(({ status }) => status === 'fail').map(({ lifted_by = [] }) => lifted_by);
  if (refused.length === 0) return [];
  const ways = refused.reduce((found, next) => found.flatMap((way) => next.map((more) => bothOf(way, more))), [{}]);
  return distinct(ways);
}

/** In one sentence: what has to be fixed before a refused stack can move by options. */
export function fixFirst(checks: readonly { name: string; status: string; lifted_by: Lift[] }[]): string {
  const names = checks.flatMap(({ name, status, lifted_by }) =>
    status === 'fail' && lifted_by.length === 0 ? [name] : [],
  );
  return `It can’t move as things are: what ${names.join(', ')} found has to be fixed first.`;
}

/** Without repetitions. */
export const distinct = (ways: Lift[]): Lift[] => [
  ...new Map(ways.map((way) => [JSON.stringify(Object.entries(way).toSorted()), way])).values(),
];

/** The options of several ways, one at a time. */
export function singly(ways: readonly Lift[]): Lift[] {
  return distinct(
    ways.flatMap(({ binds = [], env = [], ...others }): Lift[] => [
      ...env.map((name) => ({ env: [name] })),
      ...Object.entries(others).map(([name, value]): Lift => ({ [name]: value })),
      ...binds.map((choice) => ({ binds: [choice] })),
    ]),
  );
}

/** True if it names options of a migration alone, not how it is to be sized: those that a drain has for each stack. */
export const isOfDrains = (way: Lift): boolean =>
  Object.keys(way).every((name) => name === 'mode' || name in moveOptions.shape);
