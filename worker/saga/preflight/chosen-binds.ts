import { everyBind, pathAndPlace } from '../../../schema/bind-choice.ts';
import type { BindTree, StackFacts } from '../../../schema/facts.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import type { SagaPlan } from '../../../schema/saga.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { list } from './verdicts.ts';

/** Data of bind mounts that is to move, and what stands in its way on the source. */
export interface ChosenBinds {
  trees: (BindTree & { place: string })[];
  problems: string[];
}

/**
 * Takes the request's choices apart. `all` leaves out what can't move (a socket, a directory of the system, what others
 * use); a path that is named must be movable. A mount below another one that moves is part of it.
 */
export function chosenBinds(
  { bind_mounts, bind_trees }: Pick<StackFacts, 'bind_mounts' | 'bind_trees'>,
  choices: string[],
): ChosenBinds {
  if (choices.length === 0) return { trees: [], problems: [] };
  if (bind_trees === null) {
    const hasAny = bind_mounts.some(({ inside_project }) => !inside_project);
    return { trees: [], problems: hasAny ? ['bind mounts can’t be moved by the agent of the source: update it'] : [] };
  }
  const problems: string[] = [];
  const chosen = new Map<string, ChosenBinds['trees'][number]>();
  for (const choice of choices) {
    if (choice === everyBind) {
      for (const tree of bind_trees.filter((one) => problemsOf(one).length === 0))
        if (!chosen.has(tree.path)) chosen.set(tree.path, { ...tree, place: tree.path });
      continue;
    }
    const { path, place } = pathAndPlace(choice);
    const found = bind_trees.filter((tree) => isBelow(path, tree.path));
    if (found.length === 0) problems.push(`no bind mount of the stack is at or below ${path}`);
    for (const tree of found) {
      if (!isMovable(tree) && tree.path !== path) continue;
      chosen.set(tree.path, { ...tree, place: place + tree.path.slice(path.length) });
    }
  }
  const outermost = [...chosen.values()].filter(
    ({ path }) => ![...chosen.keys()].some((other) => other !== path && isBelow(other, path)),
  );
  problems.push(...outermost.flatMap(problemsOf), ...overlaps([...chosen.values()], outermost));
  return { trees: outermost, problems };
}

/** The place on the target of a bind mount's source; null if its data does not move. */
export function placeOf(trees: SagaPlan['binds'], source: string): string | null {
  const tree = trees.find(({ path }) => isBelow(path, source));
  return tree ? tree.place + source.slice(tree.path.length) : null;
}

const isMovable = ({ kind, reaches }: BindTree): boolean => kind === 'directory' && reaches === null;

/** True if the path is the directory or below it; both are absolute and plain. */
const isBelow = (directory: string, path: string): boolean => path === directory || path.startsWith(`${directory}/`);

const kindWords: Record<BindTree['kind'], string> = {
  directory: 'is a directory',
  network: 'is on a network file system: mount that on the target',
  file: 'is a single file: put it into the project directory, or mount the directory that it is in',
  socket: 'is a socket',
  device: 'is a device',
  fifo: 'is a FIFO',
  absent: 'does not exist on the source',
  unseen: 'is not seen by the agent, which runs in a container: start that with -v for the path',
};

/** Every bind mount outside the project, with what one must know to choose it. */
export function bindMountViews(
  stack: StackFacts,
  target: TargetFacts | null,
  choices: string[],
): Report['bind_mounts'] {
  const { trees } = chosenBinds(stack, choices);
  return (stack.bind_trees ?? []).map((tree) => ({
    path: tree.path,
    size_bytes: tree.size_bytes,
    exists_on_target: target?.bind_mounts.find(({ path }) => path === tree.path)?.exists ?? null,
    place: placeOf(trees, tree.path),
    obstacle: problemsOf(tree)[0] ?? null,
  }));
}

function problemsOf({ path, kind, reaches, also_used_by, mounted }: BindTree): string[] {
  if (kind !== 'directory') return [`bind mount ${path} ${kindWords[kind]}`];
  if (reaches !== null) return [`bind mount ${path} reaches ${reaches}, which belongs to the host`];
  if (!mounted) return [`bind mount ${path} is only in the file, and no container has it yet: recreate its service`];
  if (also_used_by.length > 0) return [`bind mount ${path} is also used by ${list(also_used_by)}`];
  return [];
}

/** Places that hold one another, and mounts within others that would have to go elsewhere than those. */
function overlaps(all: ChosenBinds['trees'], outermost: ChosenBinds['trees']): string[] {
  const astray = all.filter(({ path, place }) => placeOf(outermost, path) !== place);
  const pairs = outermost.flatMap((one, index) => outermost.slice(0, index).map((other) => [other, one] as const));
  const overlap = (one: string, other: string) => isBelow(one, other) || isBelow(other, one);
  return [
    ...astray.map(({ path }) => `bind mount ${path} lies in another one and moves with it, to one place only`),
    ...pairs.flatMap(([one, other]) => [
      ...(overlap(one.real, other.real) ? [`bind mounts ${one.path} and ${other.path} lead to the same data`] : []),
      ...(overlap(one.place, other.place) ? [`${one.path} and ${other.path} would both go to ${other.place}`] : []),
    ]),
  ];
}
