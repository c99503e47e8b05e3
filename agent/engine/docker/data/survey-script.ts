import { unescapedPath } from '../../../mounts.ts';

/** A place below a tree that is not part of it: deleting the tree would reach into it, and a copy would leave it out. */
export interface NestedMount {
  /** Relative to the tree. */
  path: string;
  /** The type of file system, or `device` for another device without a mount of its own, as a btrfs subvolume. */
  kind: string;
}

/** What one volume or directory is, as the engine's mount namespace shows it. */
export interface TreeSurvey {
  /** Tells the tree from a later one at its place: inode and time of birth. */
  mark: string;
  nested: NestedMount[];
  /** Null where the time ran out. */
  size: TreeSize | null;
  /** Some of the files that are immutable or append-only (`chattr`), as far as was looked. */
  immutable: string[];
}

export interface TreeSize {
  /** Contents as allocated; a file with several names counts once. */
  bytes: number;
  /** Of a tar of the tree, near enough for a progress bar: whole blocks, and three blocks an entry. */
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

/** Prints names of a list whose inode flags say that nothing, or only more, may be written (FS_IOC_GETFLAGS). */
const flagged = `while (<>) {
  chomp;
  sysopen(my $file, $_, O_RDONLY | O_NONBLOCK | O_NOFOLLOW) or next;
  my $flags = pack("l!", 0);
  ioctl($file, 0x80086601, $flags) or next;
  next unless unpack("l!", $flags) & 0x30;
  tr/\\n/?/;
  print "immutable ", substr($_, 2), "\\n";
  exit if ++$found == 3;
}`;

/**
 * Prints, of each directory in "$@", what `parseSurvey` reads. With `seconds` the walk through a tree ends in time, and
 * what is found by walking may be missing; mount points come from the kernel's table. Only then flags are looked at, by the
 * Perl that every Debian has: they are worth a note.
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
    ${seconds === null ? 'true' : `${bounded}find . -xdev \\( -type f -o -type d \\) -print0 | ${bounded}perl -0 -MFcntl -e '${flagged}' >$IO/flags 2>/dev/null`} &
    {
      ${bounded}find . -xdev -printf '%y %D %s %b %n %i %P\\0'
      printf 'end %s\\0' $?
    } | tr '\\n\\0' '?\\n' | awk '${walked}'
    wait
    [ ! -f $IO/flags ] || cat $IO/flags
  ) || echo "$root could not be looked at" >&2; done
  echo end`;
};

/** One survey for each directory that `surveyScript` was given, in their order; null for a text that is not whole. */
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

/** A mount on another device is found in the table and by the walk; the table knows what it is. */
const withoutRepeats = (nested: NestedMount[]): NestedMount[] =>
  nested.filter(({ path, kind }) => kind !== 'device' || !nested.some((m) => m.path === path && m.kind !== 'device'));
