import { adviceOf, type Fit } from './fit.ts';
import { type CheckResult, diskFactor, fail, list, pass, size } from './verdicts.ts';

/** Checks of the places that the project directory and the data of bind mounts get on the target. */

export function pathFree(fit: Fit): CheckResult {
  const { target, stack } = fit;
  const { free, detail, free_bytes } = target.path;
  const needed = stack.project_files.size_bytes;
  const measured = { path: target.project_path, free_bytes, needed_bytes: needed };
  if (free !== true)
    return fail(`${target.project_path} on the target: ${detail} ${adviceOf(fit, '')}`.trim(), measured);
  if (free_bytes === null) return fail(`The room at ${target.project_path} could not be measured.`, measured);
  if (needed !== null && free_bytes < needed * diskFactor)
    return fail(
      `No space on the target: ${target.project_path}: the project directory needs ${size(needed)}, ${size(free_bytes)} free.`,
      measured,
    );
  const obstacles = bindPlaceObstacles(fit);
  if (obstacles.length > 0) return fail(obstacles.join(' '), { ...measured, bind_places: target.bind_places });
  const places = fit.binds.trees.map(({ place }) => place);
  return pass(
    `${list([target.project_path, ...places])}: free, and ${size(free_bytes)} of the project directory’s disk.`,
    measured,
  );
}

/** Places for the data of bind mounts that are taken, or too small together with what else goes to their filesystem. */
function bindPlaceObstacles(fit: Fit): string[] {
  const { bind_places } = fit.target;
  const { trees } = fit.binds;
  if (trees.length === 0) return [];
  if (bind_places === null) return ['The agent of the target can’t take bind mounts: update it.'];
  const found = trees.map((tree) => ({ ...tree, at: bind_places.find(({ place }) => place === tree.place) }));
  const taken = found.flatMap(({ path, place, at }) =>
    at?.free === true
      ? []
      : [`${place} on the target: ${at?.detail ?? 'it was not looked at.'} Another place: "binds": ["${path}=/…"].`],
  );
  const disks = Map.groupBy(found, ({ at }) => at?.filesystem ?? null);
  const full = [...disks].flatMap(([filesystem, on]) => {
    const needed = on.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
    const room = on[0]?.at?.free_bytes ?? null;
    const places = list(on.map(({ place }) => place));
    if (filesystem === null || room === null) return [`The room at ${places} could not be measured.`];
    return room >= needed * diskFactor
      ? []
      : [`No space on the target: ${places}: ${size(needed)} needed, ${size(room)} free.`];
  });
  return [...taken, ...(taken.length > 0 ? [] : full)];
}
