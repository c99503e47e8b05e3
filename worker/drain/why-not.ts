import type { Obstacle } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import type { CheckName, Report } from '../../schema/preflight-report.ts';
import { shortened } from '../../schema/shortened.ts';

/** Checks that no other target could change. */
const ofTheStack: ReadonlySet<CheckName> = new Set([
  'no_concurrent',
  'source_online',
  'source_metrics',
  'config_current',
]);

/** `anywhere`: no other target would help. */
export type Refusal = Obstacle & { anywhere: boolean };

/** What a report found in the way; null where it passed. */
export function whyNot(report: Report): Refusal | null {
  if (report.passed) return null;
  const failed = report.checks.filter(({ status }) => status === 'fail');
  const concurrent = failed.some(({ name }) => name === 'no_concurrent');
  return {
    code: concurrent ? 'migration_running' : 'preflight_failed',
    message: bounded(failed.map(({ name, detail }) => `${name}: ${detail}`).join(' ')),
    anywhere: failed.some(({ name }) => ofTheStack.has(name)),
  };
}

export const bounded = (message: string): string => shortened(message, limits.drain.messageCharsMax);
