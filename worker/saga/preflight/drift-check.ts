import type { Lift } from '../../../schema/lift.ts';
import type { Fit } from './fit.ts';
import { unknownVariables, variableAdvice } from './unknown-variables.ts';
import { type CheckResult, fail, list, note, pass } from './verdicts.ts';

/** Whether the files on disk, which the target reads, are what runs; or what moving them instead means. */
export function configCurrent({ stack, options }: Fit): CheckResult {
  const { current, detail, as_written } = stack.drift;
  if (current === true) return pass('The compose file on disk is what runs.');
  const finding =
    current === null
      ? `Could not determine whether the file on disk is what runs: ${detail}`
      : `The file on disk is not what runs: ${detail}`;
  const canMove = as_written !== null && as_written.obstacles.length === 0 && stack.compose_errors.length === 0;
  if (!options.accept_drift) {
    const unknown = unknownVariables({ stack, options });
    const ways: Lift[] = [
      ...(unknown.length > 0 ? [{ env: unknown }] : []),
      ...(canMove ? [{ accept_drift: true }] : []),
    ];
    return fail([finding, ...variableAdvice(unknown), adviceOf(current)].join(' '), {}, ways);
  }
  if (as_written === null)
    return fail(`${finding} What the file says can’t be moved by the agent of the source: update it.`);
  const { stays, obstacles } = as_written;
  if (obstacles.length > 0) return fail(`${finding} What the file says can’t be moved: ${list(obstacles)}.`);
  const left = stays.length > 0 ? ` Stays on the source, since the file no longer has it: ${list(stays)}.` : '';
  return note(
    `${finding} As accepted, the target runs what the file says; a rollback brings back what runs now.${left}`,
  );
}

const adviceOf = (current: false | null): string => {
  const accept = 'move what the file says: "accept_drift": true.';
  return current === null
    ? `To go on, ${accept}`
    : 'Put it back as it was; or recreate these services from it yourself, when it is safe that they restart and that ' +
        `newer images start; or ${accept}`;
};
