import type { Exclusion, LeftOut, StackFacts } from '../../../schema/facts.ts';
import { byPattern, leftOutWords } from '../../../schema/left-out.ts';
import { limits } from '../../../schema/limits.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { ChosenBinds } from './chosen-binds.ts';
import type { Fit } from './fit.ts';
import { list } from './verdicts.ts';

/** What `exclude` leaves out of the directories that move: the project's, and those of chosen bind mounts. */

const exclusionsOf = (stack: StackFacts, trees: ChosenBinds['trees']): (Exclusion | null)[] => [
  stack.project_files.exclusion,
  ...trees.map(({ exclusion }) => exclusion),
];

/** By pattern, in the order that they were given. */
export const leftOutOf = (
  stack: StackFacts,
  trees: ChosenBinds['trees'],
  { exclude }: Pick<MoveOptions, 'exclude'>,
): LeftOut[] =>
  byPattern(
    exclude,
    exclusionsOf(stack, trees).flatMap((one) => one?.left ?? []),
    limits.agent.leftOutPathsMax,
  );

/** Why the patterns can't be followed. */
export function exclusionProblems({
  stack,
  binds,
  options: { exclude },
}: Pick<Fit, 'stack' | 'binds' | 'options'>): string[] {
  if (exclude.length === 0) return [];
  const exclusions = exclusionsOf(stack, binds.trees);
  if (exclusions.includes(null)) return ['the agent of the source can’t leave anything out: update it'];
  const needed = exclusions.flatMap((one) => one?.needed ?? []);
  return [
    ...exclude.flatMap((pattern) => {
      const paths = [...new Set(needed.filter((one) => one.pattern === pattern).map(({ path }) => path))];
      return paths.length > 0
        ? [`${pattern} would leave out ${list(paths)}, which the stack mounts or reads: use a narrower pattern`]
        : [];
    }),
    ...exclude.flatMap((pattern) => {
      const volume = volumeOf(pattern, stack);
      return volume === null
        ? []
        : [
            `${pattern} lies in the named volume ${volume}, which moves whole: only bind mounts and the project directory have paths to leave out`,
          ];
    }),
  ];
}

/** The named volume whose data on the source the pattern means. */
function volumeOf(pattern: string, { volumes }: StackFacts): string | null {
  const name = /\/volumes\/([^/]+)\/_data(\/|$)/.exec(pattern)?.[1];
  return volumes.some((volume) => volume.name === name) ? (name ?? null) : null;
}

export const leftOutNotes = (left: readonly LeftOut[]): string[] =>
  left.map((one) => {
    const words = leftOutWords(one);
    return words === null
      ? `Left out by ${one.pattern}: nothing, since nothing that moves matches.`
      : `Left out by ${one.pattern}: ${words}. It stays on the source, and a purge does not delete it.`;
  });
