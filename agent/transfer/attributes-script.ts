import { carriedAttributes } from './attributes.ts';

/**
 * Reads extended attributes in helpers with Perl system calls: every Debian has Perl, few have `getfattr`. The program
 * loads no module, so the Perl binary alone is enough. It reads NUL-terminated paths.
 */
type Work =
  /** Prints the path of each file that has a matching attribute. */
  | 'files'
  /** Prints `# file: PATH`, the matching attributes one per line, and an empty line. */
  | 'names'
  /** Like `names`, with `=0x` and the value after each name. */
  | 'values'
  /** Removes matching attributes. */
  | 'remove';

/** ENOTSUP means a file system without attributes, ENODATA an attribute that is gone by now. */
const program = String.raw`
  my ($work, $wanted) = @ARGV;
  chomp(my $machine = qx(uname -m));
  my ($get, $list, $remove) =
      length(pack "p", "") == 4 ? (230, 233, 236)
    : $machine eq "x86_64" ? (192, 195, 198)
    : $machine =~ /^(aarch64|riscv64|loongarch64)/ ? (9, 12, 15)
    : $machine =~ /^ppc64/ ? (213, 216, 219)
    : $machine eq "s390x" ? (228, 231, 234)
    : die "attributes: the system calls of $machine are not known\n";
  my ($enodata, $enotsup, $most) = (61, 95, 65536);
  my ($names, $value) = ("\0" x $most, "\0" x $most);
  sub shown { $_[0] =~ s/([\\\n\r=])/sprintf "\\%03o", ord $1/ger }
  $/ = "\0";
  sub complain { print STDERR "attributes: $_[0]: $!\n" }
  while (defined(my $path = <STDIN>)) {
    # Most entries have none. The zero that ends the path ends it for the system call too.
    my $length = syscall($list, $path, $names, $most) or next;
    chomp $path;
    my $name = shown($path =~ s|^\./(?=.)||r);
    if ($length < 0) { complain($name) if $! != $enotsup; next }
    my @found = sort grep /$wanted/, split /\0/, substr $names, 0, $length;
    next unless @found;
    if ($work eq "files") { print "$name\n"; next }
    print "# file: $name\n" if $work ne "remove";
    for my $attribute (@found) {
      my $shown = shown($attribute);
      if ($work eq "names") { print "$shown\n"; next }
      my $bytes = $work eq "remove" ? syscall($remove, $path, $attribute) : syscall($get, $path, $attribute, $value, $most);
      if ($bytes < 0) { complain($name) if $! != $enodata; next }
      print "$shown=0x", unpack("H*", substr $value, 0, $bytes), "\n" if $work eq "values";
    }
    print "\n" if $work ne "remove";
  }
`;

/** Returns a shell command; `wanted` is a regular expression that awk and Perl read alike. */
export const attributesCommand = (work: Work, wanted: string = carriedAttributes): string =>
  `perl -e '${program}' ${work} '${wanted}'`;

/** Decodes a name as the program prints it: bytes that would break a line are `\ooo`. */
export const decodeName = (name: string): string =>
  name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
