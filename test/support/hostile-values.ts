/** What a liar puts into a message: good messages with one value of theirs replaced at a time. */

/** Clears a terminal, names a window, turns text around, begins a line of its own. */
export const escapes = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\r\n<script>alert(1)</script>\u0000';

const strings = ['', escapes, 'x'.repeat(100_000)];
const numbers = [-1, 0.5, 1e308];
const anything: unknown[] = [null, {}, ['x'], 7];

export interface Mutant {
  /** `path = value`, for a test's message. */
  name: string;
  value: unknown;
}

/** Each place of a plain value with each lie, each field left out, each list made long. */
export function mutants(good: unknown): Mutant[] {
  return dataOf(good).flatMap((path) => {
    const here = at(good, path);
    const lies = [...liesFor(here), ...anything];
    const told = lies.map((lie) => ({ name: `${nameOf(path)} = ${shown(lie)}`, value: replaced(good, path, lie) }));
    return path.length > 0 ? [...told, { name: `no ${nameOf(path)}`, value: replaced(good, path, undefined) }] : told;
  });
}

/** A value of the same form, as bad as it can be without being of another type. */
export function worst(good: unknown): Mutant[] {
  const all = (lie: (value: unknown, key: string) => unknown) => {
    const change = (value: unknown, key: string): unknown => {
      if (Array.isArray(value)) return value.map((one) => change(one, key));
      if (typeof value !== 'object' || value === null) return lie(value, key);
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, change(one, name)]));
    };
    return change(good, '');
  };
  const text = (lie: string) => all((value) => (typeof value === 'string' ? lie : value));
  const number = (lie: number) => all((value) => (typeof value === 'number' ? lie : value));
  const bytes = (lie: number) => all((value, key) => (key.endsWith('bytes') ? lie : value));
  return [
    { name: 'escapes', value: text(escapes) },
    { name: 'long text', value: text('x'.repeat(4_000)) },
    ...numbers.map((lie) => ({ name: `numbers of ${lie}`, value: number(lie) })),
    ...numbers.map((lie) => ({ name: `bytes of ${lie}`, value: bytes(lie) })),
  ];
}

type Path = (string | number)[];

function dataOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, one]) => dataOf(one, [...path, key]))];
}

function liesFor(value: unknown): unknown[] {
  if (typeof value === 'string') return strings;
  if (typeof value === 'number') return numbers;
  if (Array.isArray(value)) return [Array(2_000).fill(value[0] ?? 'x')];
  return [];
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);

function replaced(value: unknown, path: Path, lie: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return lie;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  const inner = replaced(copy[key], rest, lie);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}

const nameOf = (path: Path) => path.join('.') || 'all of it';
const shown = (lie: unknown) => JSON.stringify(lie)?.slice(0, 40) ?? 'nothing';
