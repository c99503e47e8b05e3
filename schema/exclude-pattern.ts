import { z } from 'zod';
import { limits } from './limits.ts';

/**
 * Patterns of absolute paths that a migration leaves out. What matches is left out with everything below it.
 *
 *   *    any bytes of a name, also none
 *   ?    one byte of a name
 *   **   in place of a name: any number of directories, also none; at the end everything below, not the directory
 *
 * Every other character stands for itself: there are no brackets, and a backslash escapes nothing. Names are compared
 * byte by byte, as a file system has them. This file alone says what a pattern means: `below` for one entry, `expressionOf`
 * for `find`.
 */
export const excludePattern = z
  .string()
  .max(limits.api.excludePatternCharsMax)
  .refine((text) => /^(\/[^/\0\r\n]+)+$/.test(text) && !text.slice(1).split('/').some(isMisplaced), {
    error:
      'Use an absolute path without "." and "..", in which "*" and "?" match within a name and "**" stands alone for directories: "/srv/media/cache", "/srv/media/**/*.part".',
  })
  .describe('Pattern of absolute paths on the source, with `*`, `?` and `**`.');

export const excludePatterns = z.array(excludePattern).max(limits.api.excludePatternsMax).default([]);

const isMisplaced = (name: string): boolean =>
  name === '.' || name === '..' || (name.includes(everything) && name !== everything);

const everything = '**';

/** A pattern of which only some ends can still match, below some directory. */
export interface Reach {
  pattern: string;
  /** Its names as bytes, one character each. */
  names: string[];
  /** Where those ends begin. */
  at: number[];
}

/** What the patterns leave out below a directory; those that leave out nothing there are missing. */
export function reachBelow(patterns: readonly string[], directory: string): Reach[] {
  const whole = patterns.map(wholeOf);
  return namesOf(directory).reduce<Reach[]>(
    (reach, name) => reach.flatMap((one) => below([one], name) ?? [{ ...one, names: [everything], at: [0] }]),
    whole,
  );
}

/** The same below an entry of a directory, by its name as bytes; null if the entry itself is left out. */
export function below(reach: readonly Reach[], entry: string): Reach[] | null {
  const next: Reach[] = [];
  for (const { pattern, names, at } of reach) {
    const after = new Set<number>();
    // Directories may be none: then the name after them is next.
    for (const from of new Set(at.flatMap((one) => (names[one] === everything ? [one, one + 1] : [one])))) {
      const name = names[from];
      if (name === undefined) continue;
      if (name !== everything && !matches(name, entry)) continue;
      if (from === names.length - 1) return null;
      after.add(name === everything ? from : from + 1);
    }
    if (after.size > 0) next.push({ pattern, names, at: [...after] });
  }
  return next;
}

/** True if the pattern leaves out this absolute path, or a directory that it lies in. */
export const leavesOut = (pattern: string, path: string): boolean =>
  namesOf(path).reduce<Reach[] | null>((reach, name) => reach && below(reach, name), [wholeOf(pattern)]) === null;

/**
 * A POSIX extended regular expression, in the C locale, for what is left out in a directory as `find .` names it there.
 * It matches at least the uppermost of what is left out, and nothing else.
 */
export const expressionOf = (reach: readonly Reach[]): string =>
  reach.flatMap(({ names, at }) => at.map((from) => `[.]/${endOf(names.slice(from))}`)).join('|');

function endOf(names: string[]): string {
  const [name = '', ...rest] = names;
  if (rest.length === 0) return name === everything ? '[^/]+' : literal(name);
  return `${name === everything ? '([^/]+/)*' : `${literal(name)}/`}${endOf(rest)}`;
}

const literal = (name: string): string =>
  name.replace(/[*?.+|(){}[\]$^\\]/g, (sign) => {
    if (sign === '*') return '[^/]*';
    if (sign === '?') return '[^/]';
    return sign === '^' || sign === '\\' ? `\\${sign}` : `[${sign}]`;
  });

const wholeOf = (pattern: string): Reach => {
  // Several `**` in a row mean the same as one.
  const names = namesOf(pattern).filter((name, at, all) => name !== everything || all[at - 1] !== everything);
  return { pattern, names, at: [0] };
};

/** Bytes as one character each: names need not be text. */
const namesOf = (path: string): string[] =>
  Array.from(new TextEncoder().encode(path), (byte) => String.fromCharCode(byte))
    .join('')
    .split('/')
    .filter((name) => name !== '');

/** Goes back to the latest `*` at most: the time is bounded by the product of the lengths. */
function matches(pattern: string, name: string): boolean {
  let [p, n] = [0, 0];
  let [star, retry] = [-1, 0];
  while (n < name.length) {
    if (pattern[p] === '*') [star, retry, p] = [p, n, p + 1];
    else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) [p, n] = [p + 1, n + 1];
    else if (star >= 0) {
      retry += 1;
      [p, n] = [star + 1, retry];
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
