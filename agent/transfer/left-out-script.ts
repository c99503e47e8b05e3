import { expressionOf, type Reach } from '../../schema/exclude-pattern.ts';

/** What patterns leave out of a directory, as expressions of GNU find in helpers. */

/**
 * Begins a walk of the current directory, on its file system, without what is left out; tests and an action follow.
 * `before`: a command that runs it.
 */
export const walkOf = (reach: readonly Reach[], before = ''): string =>
  reach.length === 0
    ? `${before}find . -xdev`
    : `LC_ALL=C ${before}find . -xdev ${matching(expressionOf(reach))} -prune -o`;

/**
 * Prints, before anything else of an entry, the number of the pattern that leaves it out, from 1; 0 for none. Does not
 * enter what is left out, and lists it in files by that number.
 */
export const markOf = (reach: readonly Reach[]): string => {
  const marks = reach.map(
    (one, at) => `${matching(expressionOf([one]))} -prune -printf '${at + 1} ' -fprint0 $IO/left${at + 1} -o `,
  );
  return `\\( ${marks.join('')}-printf '0 ' \\)`;
};

const matching = (expression: string): string =>
  `-regextype posix-extended -regex "$(printf '${escaped(expression)}')"`;

/** Plain ASCII for the format of printf: some scripts pass as UTF-8 and others as Latin-1. */
const escaped = (bytes: string): string =>
  bytes.replace(/[^ -~]|['\\%]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
