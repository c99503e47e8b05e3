import { limits } from '../../../schema/limits.ts';

/**
 * What helpers say on stderr. The patterns are read by awk in the helper and by us, so they are POSIX extended regular
 * expressions without a slash in them.
 */

/** Lines that mean no loss. Any other does, whatever the exit code says. */
const harmless = [/^tar: .*: socket ignored$/, /^getfattr: Removing leading /];

/** How it is said that a name is gone, or that one on the way to it is another thing now. */
const gone = 'No such file or directory|Not a directory|Too many levels of symbolic links';
const exiting = /^tar: Exiting with failure status due to previous errors$/;

/** What is said of files that others write, or remove, while they are read: the next pass sees to those. */
export const changing = [
  new RegExp(`^(find|getfattr): .*: (${gone})$`),
  // Some were still there when tar looked, and not when it asked for their attributes.
  new RegExp(`^tar: .*: (Warning: )?Cannot (stat|open|llistxattrat|lgetxattrat): (${gone})$`),
  /^tar: .*: file changed as we read it$/,
  /^tar: .*: File removed before we read it$/,
  /^tar: .*: File shrank by [0-9]+ bytes?; padding with zeros$/,
  exiting,
];

/** And where that arrives: names of different moments, of which one may be a directory's and that of something else. */
export const torn = [
  new RegExp(`^tar: .*: Cannot .*: (${gone}|File exists|Is a directory|Directory not empty)$`),
  exiting,
];

/**
 * An awk program that leaves out the harmless and repeats nothing tolerated, so that no number of them fills the bound at
 * which it ends (and with it, by SIGPIPE, whoever complains). One tolerated line stays: it explains an exit code.
 */
export const complaintFilter = (tolerated: RegExp[]): string =>
  [
    `${matches(harmless)} { next }`,
    tolerated.length > 0 ? `${matches(tolerated)} && told++ { next }` : '',
    '{ print }',
    `(kept += length($0)) > ${limits.agent.helperStderrBytesMax} { exit }`,
  ].join('\n');

const matches = (patterns: RegExp[]): string => `(${patterns.map(({ source }) => `/${source}/`).join(' || ')})`;
