import type { StackFacts } from '../../../schema/facts.ts';
import { absentBinds } from './absent-binds.ts';
import { type ChosenBinds, placeOf } from './chosen-binds.ts';
import type { Fit } from './fit.ts';
import { exclusionProblems } from './left-out.ts';
import { optionProblems } from './option-volumes.ts';
import { type CheckResult, fail, list, note, pass } from './verdicts.ts';
import { waysToMove } from './ways-to-move.ts';

/** Whether everything in the stack can move. */

export function composeSupported(fit: Fit): CheckResult {
  const problems = problemsOf(fit);
  const absent = absentBinds(fit).map(({ source }) => source);
  if (problems.length > 0)
    return fail(`Can’t be moved: ${list(problems)}.`, { problems }, waysToMove(fit, absent, problemsOf));
  const lost = lostWith(fit);
  return lost.length > 0 ? note(`Left behind, as accepted: ${list(lost)}.`) : pass('Everything in the stack can move.');
}

function problemsOf(fit: Fit): string[] {
  const { stack, target, options, binds } = fit;
  const problems = [
    ...stack.compose_errors,
    ...dataProblems(stack, binds),
    ...binds.problems,
    ...exclusionProblems(fit),
    ...optionProblems(fit),
    ...stack.orphans.flatMap(({ container, service, running }) =>
      running
        ? [
            `container ${container} runs for service ${service}, which the Compose file no longer has ("docker stop ${container}" if nobody needs it, else put the service back into the file)`,
          ]
        : [],
    ),
    ...stack.remote_includes.map((what) => `${what} is included from elsewhere`),
    ...stack.project_files.outside.map((path) => `${path} lies outside the project directory`),
    ...(target.project_path === stack.working_dir ? [] : stack.project_files.absolute_links).map(
      (path) =>
        `${path} is a link by absolute path and would lead elsewhere at ${target.project_path}: make it a relative one`,
    ),
    ...(target.external_volumes_absent ?? []).map(
      (volume) => `external volume ${volume} is not on the target (to move it: "with_external": true)`,
    ),
    ...stack.volumes.flatMap((volume) => [
      ...(volume.driver !== 'local' ? [`volume ${volume.name} has the remote driver ${volume.driver}`] : []),
      ...(volume.also_used_by.length > 0 ? [`volume ${volume.name} is also used by ${list(volume.also_used_by)}`] : []),
    ]),
  ];
  if (!target.attaches_anonymous && stack.anonymous_volumes.some(({ size_bytes, move }) => size_bytes !== 0 && move))
    problems.push('the agent of the target can’t give anonymous volumes to containers: update it');
  if (target.external_volumes_absent === null) problems.push('whether external volumes are on the target is not known');
  if (!options.accept_unmoved)
    problems.push(...lostWith(fit).map((what) => `${what} (to continue without it: "accept_unmoved": true)`));
  return problems;
}

/** Data that a migration would leave behind. */
function lostWith({ stack, target, binds }: Fit): string[] {
  const anonymous = stack.anonymous_volumes.filter(({ size_bytes, move }) => size_bytes !== 0 && !move);
  return [
    ...anonymous.map(
      ({ service }) =>
        `an anonymous volume of service ${service} holds data, which the agent of the source can’t move (update it)`,
    ),
    ...absentBinds({ stack, target, binds })
      .filter(({ volume }) => volume === null)
      .map(
        ({ service, source, link }) =>
          `bind mount ${source}${link ? ` (by the link ${link})` : ''} of service ${service} does not move and is absent on the target: the stack would start on an empty directory (to move it: "binds": ["${source}"])`,
      ),
  ];
}

/** Reasons why the data cannot be moved completely, or is not the only copy in use. */
function dataProblems({ data, bind_trees, volumes }: StackFacts, binds: ChosenBinds): string[] {
  if (!data) return ['what is mounted in its data and who else uses it is not known: update the agent of the source'];
  const paths = (bind_trees ?? []).map(({ path }) => path);
  const stays = new Set([
    ...paths.filter((path) => placeOf(binds.trees, path) === null),
    ...volumes.filter(({ external }) => external).map(({ name }) => `volume ${name}`),
  ]);
  const moves = ({ tree }: { tree: string }) => !stays.has(tree);
  return [
    ...data.nested_mounts
      .filter(moves)
      .map(
        ({ tree, path, kind }) =>
          `${path} in ${tree} is ${kind === 'device' ? 'another device' : `a mount of its own (${kind})`} whose contents would stay behind: unmount it or copy them into the data`,
      ),
    ...data.unseen.filter(moves).map(({ tree, why }) => `${tree} could not be looked at (${why})`),
    ...data.writers
      .filter(({ above }) => !above)
      .map(({ container, uses, one_off }) =>
        one_off
          ? `${container} runs beside the stack ("docker compose run") and can write its data: let it end, or stop it`
          : `${container} (not of this stack) runs and uses ${uses}: stop it first`,
      ),
  ];
}
