import type { Lift } from '../../../schema/lift.ts';
import type { Check, CheckName } from '../../../schema/preflight-report.ts';

type Measured = Record<string, unknown>;
export type CheckResult = Omit<Check, 'name'>;

const found =
  (status: Check['status']) =>
  (detail: string, measured: Measured = {}, lifted_by: Lift[] = []): CheckResult => ({
    status,
    detail,
    measured,
    lifted_by,
  });

export const pass = found('pass');
/** `lifted_by`: the ways to lift it by options. */
export const fail = found('fail');
export const note = found('note');
export const skipped = found('skipped');

export const named = (name: CheckName, verdict: CheckResult): Check => ({ name, ...verdict });

/** Formats a bounded list: `a, b and 3 more`. */
export function list(names: string[], most = 8): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** Room that a disk must have, per byte that goes to it. */
export const diskFactor = 1.1;

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Formats bytes in powers of 1024. */
export function size(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
