import { carriedAttributes, carriedPatterns } from '../../transfer/attributes.ts';

/** argv of the helpers' GNU tar. Pure, so that tests assert it to the letter. */

const attributeOptions = ['--xattrs', ...carriedPatterns.map((pattern) => `--xattrs-include=${pattern}`)];

/**
 * Attributes, ACLs among them (`--acls` would carry those twice, and makes packing small files slower by half), sparse
 * files as such, one file system; blocks of 256 KiB, since small writes through a FIFO cost most. Verbose, the names thrown
 * away: only then does tar complain of a directory on another file system, which it leaves out.
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

/** Exactly the entries of a NUL-terminated list. */
export const packListedArguments = (list: string): string[] => [
  ...packOptions,
  '--no-recursion',
  '--null',
  '--verbatim-files-from',
  '-T',
  list,
];

/** Times of another clock's future are no matter, and told with names as they are, in which a line may end. */
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
 * Syncs before it ends, so that what is acknowledged outlives a power cut (F23); and now and then while it unpacks, so that
 * the disk is at work meanwhile. An early sync that fails says so: the last one would not hear of what that one was told.
 */
export const unpackScript = `
  { while sleep 0.5 >/dev/null 2>&1; do sync -f /v; done; } & early=$!
  "$@"; code=$?
  kill $early
  [ $code != 0 ] || sync -f /v && exit $code`;

/** Over what is there: a directory's own times are set when all below it are done, in whatever order they come. */
export const unpackOverArguments = [...unpackArguments, '--delay-directory-restore'];

/** What a NUL-terminated list names. */
export const removeScript = (list: string): string => `cd /v && xargs -0 -r rm -rf -- <${list}`;

/** Times of modification, from NUL-terminated records of seconds, a space and a path. */
export const timesScript = (list: string): string => `
  cd /v && xargs -0 -r sh -c 'for record; do
    touch -c -h -m -d "@\${record%% *}" -- "./\${record#* }" || exit 255
  done' sh <${list}`;

/**
 * Takes the attributes off the directories of a NUL-terminated list, where any of them has some: a tar brings what one
 * has, and takes nothing away. What is not there is passed over. getfattr writes the odd bytes of a name as `\\ooo`, as
 * printf reads them.
 */
export const stripScript = (list: string): string => `
  cd /v || exit; export names='${carriedAttributes}'
  [ -n "$(xargs -0 -r getfattr -h -m "$names" -- <${list} 2>/dev/null | head -c 1)" ] || exit 0
  xargs -0 -r sh -c 'for directory; do
    getfattr -h -m "$names" -- "$directory" | sed "/^#/d; /^$/d; s/%/%%/g" |
      while IFS= read -r name; do
        name=$(printf "$name."); setfattr -h -x "\${name%.}" -- "$directory"
      done
  done' sh <${list} 2>/dev/null
  exit 0`;

/** Stands in a volume that must not count as empty, and keeps the time that the directory had without it. */
export const occupant = '.stackferry-empty';

export const occupyScript = `cd /v && if [ -z "$(ls -A)" ]; then touch -r . ${occupant}; fi`;
export const vacateScript = `cd /v && if [ -f ${occupant} ]; then
  time=$(stat -c %y ${occupant}) && rm ${occupant} && touch -d "$time" .
fi`;

/** What each side's tar may do beyond an ordinary user, each one found to be needed. */
export const packCapabilities = ['DAC_READ_SEARCH'];
export const unpackCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETFCAP', 'MKNOD'];

/**
 * What the regular files hold, once each: in the order of their names, so that a file of several names comes by the first of
 * them on both sides. Which names are one file is in the entries. Holes are left out.
 */
export const contentScript = [
  'cd /v',
  '{ find . -xdev -type f -print0 || echo find failed >&2; } | LC_ALL=C sort -z -S 16M -T $IO >$IO/files',
  'exec tar -b 512 --format=posix --sparse --no-recursion --null --verbatim-files-from -T $IO/files -c',
].join(' && ');

const printed = {
  directory: "'%P//%y %m %U:%G - - %T@ \\0'",
  other: "'%P//%y %m %U:%G %s - %T@ %l\\0'",
  link: "'L\\0%D:%i\\0%P\\0'",
};

/**
 * Every entry, in one pass: first what can't be compared as it is printed, `L` records of the names of files that have
 * several and `D` records of devices, fields ending with NUL; then, after `entries`, one record each, sorted:
 *
 *   path // type mode uid:gid size - mtime target        no path holds two slashes in a row
 *
 * A directory's own size and any number of links are the file system's business: a file may have names beyond the tree.
 * Sockets are left out: tar never carries them. A directory of another device fails: it would be listed as an empty one.
 */
export const entriesScript = [
  'cd /v',
  `{ find . -xdev ! -type s \\( -type d -printf ${printed.directory} -fprintf $IO/directories '%D\\n' -o -printf ${printed.other} \\) \\( ! -type d -links +1 -fprintf $IO/links ${printed.link} -o -true \\) \\( -type b -o -type c \\) -fprint0 $IO/devices || echo find failed >&2; } |
    LC_ALL=C sort -z -S 16M -T $IO >$IO/entries`,
  'if [ "$(uniq $IO/directories | head -n 2 | wc -l)" != 1 ]; then echo "something is mounted in it" >&2; fi',
  'cat $IO/links',
  "xargs -0 -r stat --printf 'D\\0%n\\0%t:%T\\0' <$IO/devices",
  "printf 'entries\\0'",
  'cat $IO/entries',
  "printf 'end\\0'",
].join(' && ');

/** And the attributes of those that have any. */
export const attributesScript = `cd /v && getfattr -R -P -h -d -m '${carriedAttributes}' -e hex . && printf '# end\\n\\n'`;
