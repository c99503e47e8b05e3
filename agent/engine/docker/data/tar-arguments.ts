import type { Reach } from '../../../../schema/exclude-pattern.ts';
import { recordFormat } from '../../../precopy/listing.ts';
import { carriedPatterns } from '../../../transfer/attributes.ts';
import { attributesCommand } from '../../../transfer/attributes-script.ts';
import { walkOf } from '../../../transfer/left-out-script.ts';
import type { HelperSpec } from '../helper/helper.ts';

/** argv of the helpers' GNU tar. Pure, so that tests assert it literally. */

const attributeOptions = ['--xattrs', ...carriedPatterns.map((pattern) => `--xattrs-include=${pattern}`)];

/**
 * Xattrs include ACLs (`--acls` would send those twice, and slows packing of small files by half); sparse files stay
 * sparse; one file system; blocks of 256 KiB, since small writes through a FIFO cost most. Verbose with the names
 * discarded: only then does tar report a directory on another file system, which it leaves out.
 */
const packOptions = [
  'tar',
  '-C',
  '/v',
  '-b',
  '512',
  '--format=posix',
  '--numeric-owner',
  ...attributeOptions,
  '--sparse',
  '--one-file-system',
  '-v',
  '--index-file=/dev/null',
  '-c',
];

export const packArguments = [...packOptions, '.'];

/** Packs exactly the entries of a NUL-terminated list. */
export const packListedArguments = (list: string): string[] => [
  ...packOptions,
  '--no-recursion',
  '--null',
  '--verbatim-files-from',
  '-T',
  list,
];

/**
 * Packs all of /v, or reads from a walk what is not left out: tar's own patterns mean something else. `others`: a
 * NUL-terminated list of what is carried otherwise. A walk that ends with 1 has said why, which may be tolerated in a running
 * stack.
 */
export function packing(
  reach: readonly Reach[],
  others: string | null = null,
): { script: string; arguments: string[] } {
  if (reach.length === 0 && others === null) return { script: 'exec "$@"', arguments: packArguments };
  const walk = `{ ${walkOf(reach)} -print0 || [ $? = 1 ] || echo find failed >&2; }`;
  const rest = others === null ? walk : `${walk} | { perl -e '${without}' ${others} || echo perl failed >&2; }`;
  return { script: `cd /v && ${rest} | "$@"`, arguments: packListedArguments('-') };
}

/** Prints the NUL-terminated records of its input that are not in a file. */
const without = String.raw`
  $/ = "\0";
  open(my $list, "<", shift) or die "the list of large files: $!\n";
  my %others;
  $others{$_} = 1 while <$list>;
  while (<STDIN>) { print unless $others{$_} }`;

/**
 * No warnings about timestamps in the future: they only mean that the clocks differ, and print names unquoted.
 */
export const unpackArguments = [
  'tar',
  '--warning=no-timestamp',
  '-C',
  '/v',
  '-b',
  '512',
  '-x',
  '-p',
  '--same-owner',
  '--numeric-owner',
  ...attributeOptions,
  '-f',
  '-',
];

/**
 * Syncs before it ends, so that what is acknowledged survives a power cut (F23), and periodically while it unpacks, so
 * that the disk does not idle. A failed early sync is reported: the kernel reports a write error only once. Before the
 * last sync it tells that all is unpacked (`writeToHelper`).
 */
export const unpackScript = `
  { while sleep 0.5 >/dev/null 2>&1; do sync -f /v; done; } & early=$!
  "$@"; code=$?
  kill $early
  [ $code != 0 ] || { : >$IO/unpacked; sync -f /v; } && exit $code`;

/**
 * Unpacks over existing entries: directory times are set after everything below them, in whatever order entries arrive.
 */
export const unpackOverArguments = [...unpackArguments, '--delay-directory-restore'];

/** Removes the entries of a NUL-terminated list. */
export const removeScript = (list: string): string => `cd /v && xargs -0 -r rm -rf -- <${list}`;

/** Sets modification times from NUL-terminated records of seconds, a space and a path. */
export const timesScript = (list: string): string => `
  cd /v && xargs -0 -r sh -c 'for record; do
    touch -c -h -m -d "@\${record%% *}" -- "./\${record#* }" || exit 255
  done' sh <${list}`;

/**
 * Removes the attributes of the directories in a NUL-terminated list: a tar sets attributes but never removes any.
 * Ignores missing entries.
 */
export const stripScript = (list: string): string =>
  `cd /v || exit; ${attributesCommand('remove')} <${list} 2>/dev/null; exit 0`;

/** Placeholder file for a volume that must not count as empty; it keeps the directory's original modification time. */
export const occupant = '.stackferry-empty';

export const occupyScript = `cd /v && if [ -z "$(ls -A)" ]; then touch -r . ${occupant}; fi`;
export const vacateScript = `cd /v && if [ -f ${occupant} ]; then
  time=$(stat -c %y ${occupant}) && rm ${occupant} && touch -d "$time" .
fi`;

/** Capabilities of each side's tar, each one found to be needed. */
export const packCapabilities = ['DAC_READ_SEARCH'];
export const unpackCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETFCAP', 'MKNOD'];

/** Of a helper that writes to a volume or directory. */
export const unpackSpec = <M extends HelperSpec['mount']>(mount: M, migrationId: string) =>
  ({ migrationId, purpose: 'unpack', mount, readOnly: false, capabilities: unpackCapabilities }) as const;

/**
 * Tars the contents of the regular files, once each, sorted by name, so that a hard-linked file comes under the same
 * name on both sides. The entries tell which names are one file. Holes are left out.
 */
export const contentScript = (reach: readonly Reach[]): string =>
  [
    'cd /v',
    `{ ${walkOf(reach)} -type f -print0 || echo find failed >&2; } | LC_ALL=C sort -z -S 16M -T $IO >$IO/files`,
    `exec ${contentArguments('$IO/files').join(' ')}`,
  ].join(' && ');

/** Tars the contents of listed files. */
export const contentArguments = (list: string): string[] => [
  'tar',
  '-b',
  '512',
  '--format=posix',
  '--sparse',
  '--no-recursion',
  '--null',
  '--verbatim-files-from',
  '-T',
  list,
  '-c',
];

const printed = {
  directory: "'%P//%y %m %U:%G - - %T@ \\0'",
  other: "'%P//%y %m %U:%G %s - %T@ %l\\0'",
  link: "'L\\0%D:%i\\0%P\\0'",
};

/**
 * Lists every entry in one pass. First, with NUL-terminated fields, what needs processing: `L` records of the names of
 * hard-linked files and `D` records of devices. Then, after `entries`, one record each, sorted:
 *
 *   path // type mode uid:gid size - mtime target        no path holds two slashes in a row
 *
 * Left out: a directory's size and link counts, which depend on the file system (a file may have links outside the
 * tree), what patterns leave out, and sockets, which tar never packs. Fails on a directory of another device, which would be listed as empty.
 *
 * `files`: where a listing of the regular files goes (`agent/precopy/listing.ts`), null for nowhere: a second walk would cost
 * as much as this one.
 */
export const entriesScript = (reach: readonly Reach[], files: string | null = null): string =>
  [
    'cd /v',
    `{ ${walkOf(reach)} ! -type s \\( -type d -printf ${printed.directory} -fprintf $IO/directories '%D\\n' -o -printf ${printed.other} \\) \\( ! -type d -links +1 -fprintf $IO/links ${printed.link} -o -true \\) ${files === null ? '' : `\\( -type f -fprintf $IO/files ${recordFormat} -o -true \\) `}\\( -type b -o -type c \\) -fprint0 $IO/devices || echo find failed >&2; } |
    LC_ALL=C sort -z -S 16M -T $IO >$IO/entries`,
    'if [ "$(uniq $IO/directories | head -n 2 | wc -l)" != 1 ]; then echo "something is mounted in it" >&2; fi',
    ...(files === null ? [] : [`LC_ALL=C sort -z -S 16M -T $IO $IO/files >${files}`]),
    'cat $IO/links',
    "xargs -0 -r stat --printf 'D\\0%n\\0%t:%T\\0' <$IO/devices",
    "printf 'entries\\0'",
    'cat $IO/entries',
    "printf 'end\\0'",
  ].join(' && ');

/** The attributes of the same entries. */
export const attributesScript = (reach: readonly Reach[]): string =>
  `cd /v && { ${walkOf(reach)} ! -type s -print0 || echo find failed >&2; } | ${attributesCommand('values')} && printf '# end\\n\\n'`;
