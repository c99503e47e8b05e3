import type { Obstacle } from '../../../schema/drain.ts';
import { distinct, isOfDrains, type Lift, waysOut } from '../../../schema/lift.ts';
import { limits } from '../../../schema/limits.ts';
import type { CheckName, Report } from '../../../schema/preflight-report.ts';
import { shortened } from '../../../schema/shortened.ts';

/** Checks whose result no other target would change. */
const ofTheStack: ReadonlySet<CheckName> = new Set([
  'no_concurrent',
  'source_online',
  'source_metrics',
  'config_current',
]);

/** `anywhere`: no other target would help. */
export type Refusal = Obstacle & { anywhere: boolean };

/** Returns why the pre-flight failed; null if it passed. */
export function whyNot(report: Report): Refusal | null {
  if (report.passed) return null;
  const failed = report.checks.filter(({ status }) => status === 'fail');
  const concurrent = failed.some(({ name }) => name === 'no_concurrent');
  return {
    code: concurrent ? 'migration_running' : 'preflight_failed',
    message: bounded(failed.map(({ name, detail }) => `${name}: ${detail}`).join(' ')),
    lifted_by: boundedWays(waysOut(report.checks).filter(isOfDrains)),
    anywhere: failed.some(({ name }) => ofTheStack.has(name)),
  };
}

/** The first ways, as many as a drain's record has room for. */
export function boundedWays(ways: Lift[]): Lift[] {
  let chars = 0;
  return distinct(ways).filter((way) => {
    chars += JSON.stringify(way).length;
    return chars <= limits.drain.liftsCharsMax;
  });
}

export const bounded = (message: string): string => shortened(message, limits.drain.messageCharsMax);
