import { bindChoice } from '../../../schema/bind-choice.ts';
import type { Lift } from '../../../schema/lift.ts';
import { limits } from '../../../schema/limits.ts';
import { chosenBinds } from './chosen-binds.ts';
import type { Fit } from './fit.ts';
import { withExternal } from './moved-stack.ts';
import { errorsWithout, unknownVariables } from './unknown-variables.ts';

/**
 * The options with which everything in the stack could move, as far as the facts tell: the way that leaves the least
 * behind first. `absent`: bind mounts that neither move nor are on the target. `problemsOf` judges a fit.
 */
export function waysToMove(fit: Fit, absent: readonly string[], problemsOf: (fit: Fit) => string[]): Lift[] {
  const now = problemsOf(fit);
  const left = (way: Lift) => problemsOf(changed(fit, way));
  const helps = (way: Lift) => {
    const then = left(way);
    return then.length < now.length && then.every((problem) => now.includes(problem));
  };
  const external: Lift =
    fit.target.external_volumes_absent?.length && externalVolumesMove(fit) ? { with_external: true } : {};
  const unknown = unknownVariables(fit).filter((name) => helps({ env: [name] }));
  const base: Lift = unknown.length > 0 ? { ...external, env: unknown } : external;
  const binds = outermost(absent)
    .filter((path) => bindChoice.safeParse(path).success && helps({ binds: [path] }))
    .slice(0, limits.api.bindChoicesMax - fit.options.binds.length);
  const moving: Lift = binds.length > 0 ? { ...base, binds } : base;
  const whole = left(moving).length === 0 ? [moving] : [{ ...moving, accept_unmoved: true }];
  const ways: Lift[] = [...whole, ...(binds.length > 0 ? [{ ...base, accept_unmoved: true }] : [])];
  return ways.filter((way) => Object.keys(way).length > 0 && left(way).length === 0);
}

/** The fit as it would be with these options too. */
function changed(fit: Fit, { with_external = false, binds = [], accept_unmoved = false, env = [] }: Lift): Fit {
  const { compose_errors, ...rest } = withExternal(fit.stack, with_external);
  const stack = { ...rest, compose_errors: errorsWithout(compose_errors, env) };
  const options = {
    ...fit.options,
    binds: [...fit.options.binds, ...binds],
    accept_unmoved: fit.options.accept_unmoved || accept_unmoved,
  };
  return {
    ...fit,
    stack,
    target: with_external ? { ...fit.target, external_volumes_absent: [] } : fit.target,
    options,
    binds: chosenBinds(stack, options.binds),
  };
}

/** False if one is on the target, which is not overwritten, or another stack uses or made it. */
export const externalVolumesMove = ({ stack, target }: Pick<Fit, 'stack' | 'target'>): boolean =>
  !stack.volumes.some(({ name, external }) => external && !target.external_volumes_absent?.includes(name)) &&
  withExternal(stack, true).volumes.every(
    ({ also_used_by }, at) => !stack.volumes[at]!.external || also_used_by.length === 0,
  );

/** Those below others move with them. */
const outermost = (paths: readonly string[]): string[] =>
  [...new Set(paths)].filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
