import { unescapedPath } from '../../../mounts.ts';

/**
 * A place below a tree that is not part of it: deleting the tree would reach into it, and a copy would leave it out.
 */
export interface NestedMount {
  /** Relative to the tree. */
  path: string;
  /** File system type, or `device` for another device that is not a mount point, like a btrfs subvolume. */
  kind: string;
}

/** Facts about one volume or directory in the engine's mount namespace. */
export interface TreeSurvey {
  /** Identifies the tree among later ones at its path: inode and birth time. */
  mark: string;
  nested: NestedMount[];
  /** Null after a timeout. */
  size: TreeSize | null;
  /** Examples of immutable or append-only files (`chattr`). */
  immutable: string[];
}

export interface TreeSize {
  /** Allocated size of the contents; a hard-linked file counts once. */
  bytes: number;
  /** Approximate size of a tar of the tree, for a progress bar: whole blocks, plus three blocks per entry. */
  tar_bytes: number;
  entries: number;
}

const walked = [
  'NR == 1 { root = $2 }',
  '$1 == "end" && NF == 2 { code = $2; next }',
  '{ entries++ }',
  '$1 == "d" && $2 != root { path = $0; for (i = 0; i < 6; i++) path = substr(path, index(path, " ") + 1); print "nested device " path }',
  '$1 != "f" || ($5 > 1 && seen[$6]++) { next }',
  '{ size = $3 < $4 * 512 ? $3 : $4 * 512; bytes += size; blocks += int((size + 511) / 512) * 512 }',
  'END { if (code != 124) printf "size %.0f %.0f %.0f\\n", bytes, blocks + entries * 1536, entries }',
].join('\n');

/**
 * Prints files of a list with the immutable or append-only flag (FS_IOC_GETFLAGS), at most three. The open mode holds
 * O_NONBLOCK and O_NOFOLLOW; O_NOFOLLOW differs by architecture, and both its bits are set: each is harmless where the
 * other is valid. Loads no module.
 */
const flagged = `while (<>) {
  chomp;
  sysopen(my $file, $_, 0504000) or next;
  my $flags = pack("l!", 0);
  ioctl($file, 0x80086601, $flags) or next;
  next unless unpack("l!", $flags) & 0x30;
  tr/\\n/?/;
  print "immutable ", substr($_, 2), "\\n";
  exit if ++$found == 3;
}`;

/**
 * Prints, for each directory in "$@", what `parseSurvey` reads. With `seconds` the walk of a tree times out, and
 * results of the walk may be missing; mount points come from the kernel's table. Flags are read only with `seconds`, by
 * the Perl that every Debian has: they only matter to the pre-flight.
 */
export const surveyScript = (seconds: number | null): string => {
  const bounded = seconds === null ? '' : `timeout ${seconds} `;
  return `
  for root; do (
    cd "$root" || exit
    echo "tree $(stat -c %i:%W .)"
    awk -v root="$root/" 'index($5, root) == 1 {
      for (i = 7; $i != "-"; i++);
      print "nested", $(i + 1), substr($5, length(root) + 1)
    }' /proc/self/mountinfo
    ${seconds === null ? 'true' : `${bounded}find . -xdev \\( -type f -o -type d \\) -print0 | ${bounded}perl -0 -e '${flagged}' >$IO/flags 2>/dev/null`} &
    {
      ${bounded}find . -xdev -printf '%y %D %s %b %n %i %P\\0'
      printf 'end %s\\0' $?
    } | tr '\\n\\0' '?\\n' | awk '${walked}'
    wait
    [ ! -f $IO/flags ] || cat $IO/flags
  ) || echo "$root could not be looked at" >&2; done
  echo end`;
};

/** Parses one survey per directory, in order; null if the text is incomplete. */
export function parseSurvey(text: string): TreeSurvey[] | null {
  const lines = text.split('\n').slice(0, -1);
  if (lines.pop() !== 'end') return null;
  const trees: TreeSurvey[] = [];
  for (const line of lines) {
    const [kind, first = '', ...rest] = line.split(' ');
    const tree = trees.at(-1);
    if (kind === 'tree') trees.push({ mark: first, nested: [], size: null, immutable: [] });
    else if (kind === 'nested') tree?.nested.push({ path: unescapedPath(rest.join(' ')), kind: first });
    else if (kind === 'immutable') tree?.immutable.push([first, ...rest].join(' '));
    else if (kind === 'size' && tree) {
      const [bytes = 0, tar_bytes = 0, entries = 0] = [first, ...rest].map(Number);
      tree.size = { bytes, tar_bytes, entries };
    } else return null;
  }
  for (const tree of trees) tree.nested = withoutRepeats(tree.nested);
  return trees;
}

/** A mount on another device appears in the table and in the walk; only the table knows its type. */
const withoutRepeats = (nested: NestedMount[]): NestedMount[] =>
  nested.filter(({ path, kind }) => kind !== 'device' || !nested.some((m) => m.path === path && m.kind !== 'device'));
