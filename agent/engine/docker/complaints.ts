import { limits } from '../../../schema/limits.ts';

/**
 * What helpers say on stderr. The patterns are read by awk in the helper and by us, so they are POSIX extended regular
 * expressions without a slash in them.
 */

/** Lines that mean no loss. Any other does, whatever the exit code says. */
const harmless = [
  /^tar: .*: socket ignored$/,
  /^tar: .*: implausibly old time stamp /,
  /^tar: .*: time stamp .* in the future$/,
  /^getfattr: Removing leading /,
];

/** What is said of files that others write, or remove, while they are read: the next pass sees to those. */
export const changing = [
  /^(find|getfattr): .*: No such file or directory$/,
  /^tar: .*: file changed as we read it$/,
  /^tar: .*: File removed before we read it$/,
  /^tar: .*: Cannot stat: No such file or directory$/,
  /^tar: .*: Cannot open: No such file or directory$/,
  // Its name was still there when tar looked, and not when it asked for its attributes.
  /^tar: .*: Warning: Cannot (llistxattrat|lgetxattrat): No such file or directory$/,
  /^tar: .*: File shrank by [0-9]+ bytes?; padding with zeros$/,
  /^tar: Exiting with failure status due to previous errors$/,
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
