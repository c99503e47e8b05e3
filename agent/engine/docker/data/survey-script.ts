import { quoted } from '../../../../node/shell-word.ts';
import type { Reach } from '../../../../schema/exclude-pattern.ts';
import type { LeftOut } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { unescapedPath } from '../../../mounts.ts';
import { markOf, walkOf } from '../../../transfer/left-out-script.ts';

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
  /** What each pattern that reaches into the tree leaves out, by relative paths. */
  left: Omit<LeftOut, 'pattern'>[];
}

export interface TreeSize {
  /** Allocated size of the contents without what is left out; a hard-linked file counts once. */
  bytes: number;
  /** Approximate size of a tar of the tree, for a progress bar: whole blocks, plus three blocks per entry. */
  tar_bytes: number;
  entries: number;
  /** Of the largest file, its size. */
  largest_bytes: number;
}

/** Sums up the walk of a tree; of what is left out it has only the uppermost entries. */
const walked = (patterns: number, pathsMax: number): string =>
  [
    'NR == 1 { root = $3 }',
    '$1 == "end" && NF == 2 { code = $2; next }',
    '$1 > 0 || ($2 == "d" && $3 != root) { path = $0; for (i = 0; i < 7; i++) path = substr(path, index(path, " ") + 1) }',
    '$1 > 0 { if ($2 == "d") directories[$1]++; else others[$1]++ }',
    `$1 > 0 && named++ < ${pathsMax} { print "out", $1, substr(path, 1, ${limits.agent.leftOutPathCharsMax}) }`,
    '$1 > 0 { next }',
    '{ entries++ }',
    '$2 == "f" && $4 > largest { largest = $4 }',
    '$2 == "d" && $3 != root { print "nested device " path }',
    '$2 != "f" || ($6 > 1 && seen[$7]++) { next }',
    '{ size = $4 < $5 * 512 ? $4 : $5 * 512; bytes += size; blocks += int((size + 511) / 512) * 512 }',
    `END { for (i = 1; i <= ${patterns}; i++) printf "left %d %d %d\\n", i, directories[i], others[i] }`,
    'END { if (code != 124) printf "size %.0f %.0f %.0f %.0f\\n", bytes, blocks + entries * 1536, entries, largest }',
  ].join('\n');

/**
 * Measures what a walk left out, by its lists: a walk of its own, so that the size of what moves is known although this
 * takes too long.
 */
function heldScript(patterns: number, seconds: number | null): string {
  if (patterns === 0) return '';
  const find = 'number=$0; exec find "$@" -xdev -type f -printf "$number %s %b %n %i\\n"';
  const each = `number=0; while [ $number -lt ${patterns} ]; do
    number=$((number + 1)); xargs -0 -r -a $IO/left$number sh -c ${quoted(find)} $number; done`;
  const sums = [
    '$1 == "end" { code = $2; next }',
    '$4 > 1 && seen[$1, $5]++ { next }',
    '{ bytes[$1] += $2 < $3 * 512 ? $2 : $3 * 512 }',
    `END { if (code != 124) for (i = 1; i <= ${patterns}; i++) printf "held %d %.0f\\n", i, bytes[i] }`,
  ].join('\n');
  const bounded = seconds === null ? '' : `timeout ${Math.max(1, Math.floor(seconds / 2))} `;
  // What can't be read is no matter: it does not move.
  return `{ ${bounded}sh -c ${quoted(each)} 2>/dev/null; echo "end $?"; } | awk '${sums}'`;
}

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
 * Prints, for each directory in "$@", what `parseSurvey` reads; `reach` is what is left out of each. With `seconds` the
 * walk of a tree times out, and results of the walk may be missing; mount points come from the kernel's table. Flags are
 * read only with `seconds`, by the Perl that every Debian has: they only matter to the pre-flight.
 */
export const surveyScript = (seconds: number | null, reach: readonly Reach[] = []): string => {
  const bounded = seconds === null ? '' : `timeout ${seconds} `;
  const { leftOutExamplesMax, leftOutPathsMax } = limits.agent;
  return `
  for root; do (
    cd "$root" || exit
    echo "tree $(stat -c %i:%W .)"
    awk -v root="$root/" 'index($5, root) == 1 {
      for (i = 7; $i != "-"; i++);
      print "nested", $(i + 1), substr($5, length(root) + 1)
    }' /proc/self/mountinfo
    ${seconds === null ? 'true' : `${walkOf(reach, bounded)} \\( -type f -o -type d \\) -print0 | ${bounded}perl -0 -e '${flagged}' >$IO/flags 2>/dev/null`} &
    {
      LC_ALL=C ${bounded}find . -xdev ${markOf(reach)} -printf '%y %D %s %b %n %i %P\\0'
      printf 'end %s\\0' $?
    } | tr '\\n\\0' '?\\n' | awk '${walked(reach.length, seconds === null ? leftOutPathsMax : leftOutExamplesMax)}'
    ${heldScript(reach.length, seconds)}
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
  const outs: { of: number; path: string }[] = [];
  for (const line of lines) {
    const [kind, first = '', ...rest] = line.split(' ');
    const tree = trees.at(-1);
    if (kind === 'tree') {
      trees.push({ mark: first, nested: [], size: null, immutable: [], left: [] });
      outs.length = 0;
    } else if (kind === 'nested') tree?.nested.push({ path: unescapedPath(rest.join(' ')), kind: first });
    else if (kind === 'immutable') tree?.immutable.push([first, ...rest].join(' '));
    else if (kind === 'out') outs.push({ of: Number(first), path: rest.join(' ') });
    else if (kind === 'left' && tree) {
      const paths = outs.filter(({ of }) => of === Number(first)).map(({ path }) => path);
      const [directories = 0, others = 0] = rest.map(Number);
      tree.left.push({ directories, others, size_bytes: null, paths });
    } else if (kind === 'held') {
      // Unknown if the walk found only some of it.
      const left = tree?.size ? tree.left[Number(first) - 1] : undefined;
      if (left) left.size_bytes = Number(rest[0]);
    } else if (kind === 'size' && tree) {
      const [bytes = 0, tar_bytes = 0, entries = 0, largest_bytes = 0] = [first, ...rest].map(Number);
      tree.size = { bytes, tar_bytes, entries, largest_bytes };
    } else return null;
  }
  for (const tree of trees) tree.nested = withoutRepeats(tree.nested);
  return trees;
}

/** A mount on another device appears in the table and in the walk; only the table knows its type. */
const withoutRepeats = (nested: NestedMount[]): NestedMount[] =>
  nested.filter(({ path, kind }) => kind !== 'device' || !nested.some((m) => m.path === path && m.kind !== 'device'));
