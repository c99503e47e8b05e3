import type { Check, CheckName } from '../../schema/preflight-report.ts';

type Measured = Record<string, unknown>;
export type Verdict = Omit<Check, 'name'>;

export const pass = (detail: string, measured: Measured = {}): Verdict => ({ status: 'pass', detail, measured });
export const fail = (detail: string, measured: Measured = {}): Verdict => ({ status: 'fail', detail, measured });
export const note = (detail: string, measured: Measured = {}): Verdict => ({ status: 'note', detail, measured });
export const skipped = (detail: string): Verdict => ({ status: 'skipped', detail, measured: {} });

export const named = (name: CheckName, verdict: Verdict): Check => ({ name, ...verdict });

/** `a, b and 3 more`: enough to act on, bounded. */
export function list(names: string[], most = 8): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes for people, in powers of 1024. */
export function size(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
