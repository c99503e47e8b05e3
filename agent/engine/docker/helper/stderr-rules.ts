import { limits } from '../../../../schema/limits.ts';

/**
 * Patterns of helpers' stderr. They are used by awk in the helper and by JavaScript, so they are POSIX extended regular
 * expressions without a slash.
 */

/** Lines that mean no data loss. Any other line does, even with exit code 0. */
const harmless = [/^tar: .*: socket ignored$/];

/** Errors for a name that is gone, or whose parent has become something else. */
const gone = 'No such file or directory|Not a directory|Too many levels of symbolic links';
const exiting = /^tar: Exiting with failure status due to previous errors$/;

/** Messages about files that are written or removed while they are read: the next pass handles those. */
export const changing = [
  new RegExp(`^(find|attributes): .*: (${gone})$`),
  // tar found these files, but they were gone when it read their attributes.
  new RegExp(`^tar: .*: (Warning: )?Cannot (stat|open|llistxattrat|lgetxattrat): (${gone})$`),
  /^tar: .*: file changed as we read it$/,
  /^tar: .*: File removed before we read it$/,
  /^tar: .*: File shrank by [0-9]+ bytes?; padding with zeros$/,
  exiting,
];

/**
 * Messages of the receiving side about such a copy: it mixes names of different moments, so one may be both a directory
 * and something else.
 */
export const torn = [
  new RegExp(`^tar: .*: Cannot .*: (${gone}|File exists|Is a directory|Directory not empty)$`),
  exiting,
];

/**
 * Builds an awk program that drops harmless lines and all but one tolerated line, so that those can't reach the size
 * limit at which it exits (and kills the writer with SIGPIPE). The one that stays explains an exit code.
 */
export const complaintFilter = (tolerated: RegExp[]): string =>
  [
    `${matches(harmless)} { next }`,
    tolerated.length > 0 ? `${matches(tolerated)} && told++ { next }` : '',
    '{ print }',
    `(kept += length($0)) > ${limits.agent.helperStderrBytesMax} { exit }`,
  ].join('\n');

const matches = (patterns: RegExp[]): string => `(${patterns.map(({ source }) => `/${source}/`).join(' || ')})`;
