/** Accessors for a Compose model, whose JSON has strings, numbers or absent values in the same place. */

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const listOf = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.map(String) : [];

export const itemsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export const recordOf = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

export const flag = (value: unknown): boolean => value === true;

export const sortedEntries = (record: Record<string, unknown>): [string, unknown][] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

export const recordsOf = (value: unknown): Record<string, unknown>[] => itemsOf(value).map(recordOf);

/** Compose prints sizes in bytes. */
export const sizeOf = (value: unknown): number => Number(value ?? 0);

const nsOf: Record<string, number> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** `1m30s` → nanoseconds. */
export function goDurationNs(value: unknown): number {
  const parts = textOf(value).matchAll(/([\d.]+)(h|ms|m|us|µs|ns|s)/g);
  return [...parts].reduce((total, [, number, unit]) => total + Number(number) * (nsOf[unit ?? ''] ?? 0), 0);
}
