# Does to the volume in /data whatever can be done to names and files, at random, as fast as it can, until it is stopped.
# In its new home it only looks on. Arguments: seed, seconds between two changes.
use strict;
use POSIX qw(mkfifo);

my ($seed, $pause) = @ARGV;
chdir "/data" or die;
if (-e "marker") { sleep 1000 while 1 }
open(my $marker, ">", "marker"); close $marker;
open(STDERR, ">", "/dev/null");
srand $seed;

my $large = 4_194_304;
my $bytes_max = 300_000_000;
my @directories = ("d0", "d1", "d0/e0", "d0/e1", "d1/e0", "d1/e0/f0");
my @awkward = ("a b", "new\nline", "tab\t", "back\\slash", "bad\377", "-dash", "'quote\"", "\$x", "# file: x", "..x", "x" x 200);

# The same few names for everything, so that they take each other's places.
sub directory { mkdir $_ for @directories; (".", @directories)[rand 7] }
sub name {
  my $number = int rand 40;
  my $last = $number < @awkward ? $awkward[$number] : $number > 34 ? "e" . $number % 2 : "n$number";
  return directory() . "/$last";
}
sub is_file { -f $_[0] && !-l $_[0] }
sub is_directory { -d $_[0] && !-l $_[0] }
sub file {
  my $size = shift || 0;
  for (1 .. 20) { my $name = name(); return $name if is_file($name) && -s $name >= $size }
}
sub large { file($large) }
sub any { rand() < 0.5 ? large() : file() }
sub vacant { my $name = name(); system("rm", "-rf", "--", $name) if rand() < 0.4; $name }
sub contents { my $text = ""; $text .= pack("N", rand 2**32) x 256 while length $text < $_[0]; substr($text, 0, $_[0]) }
sub put {
  my ($mode, $name, $size) = @_;
  return if -e $name && !is_file($name) || -l $name;
  open(my $file, $mode, $name) or return;
  print $file contents($size);
}
sub patch {
  my $name = large() or return;
  open(my $file, "+<", $name) or return;
  seek($file, int rand(-s $name), 0);
  print $file contents(1 + int rand 20_000);
  return $name;
}
sub run { system @_ }

my @changes = (
  sub { put(">", name(), int rand 3_000) },
  sub { put(">>", name(), int rand 30_000) },
  sub { put(">", name(), $large + int rand 8_000_000) },
  (\&patch) x 6,
  sub { my $name = large() or return; my @was = stat $name; patch() or return; utime($was[8], $was[9], $name) },
  sub { my $name = any() or return; truncate($name, int rand 6_000_000) },
  sub { mkdir vacant() },
  sub { symlink("n" . int rand 35, vacant()) },
  sub { mkfifo(vacant(), 0640) },
  (sub { my $from = any() or return; my $to = name(); unlink $to if is_file($to); link($from, $to) }) x 2,
  (sub { rename(name(), name()) }) x 4,
  (sub { my $name = large() or return; rename($name, name()) }) x 4,
  sub { my $name = name(); put(">", "temporary", int rand 2_000_000); rename("temporary", $name) },
  sub { my ($one, $two) = (large(), large()); rename($one, "swap") && rename($two, $one) && rename("swap", $two) },
  sub { my $directory = directory(); rename($directory, name()) if $directory ne "." && rand() < 0.3 },
  sub { my $name = any() or return; chmod(int rand 07777, $name) },
  sub { my $name = name(); chown(int rand 70_000, int rand 70_000, $name) if !-l $name },
  sub { my $name = any() or return; utime(int rand 2**31, int rand 2**31, $name) },
  sub { my $name = any() or return; run("setfattr", "-n", "user.a" . int rand 3, "-v", int rand 1_000, "--", $name) },
  sub { my $name = name(); run("setfattr", "-h", rand() < 0.5 ? ("-n", "user.d", "-v", "x") : ("-x", "user.d"), "--", $name) },
  sub { my $name = name(); run("setfacl", "-m", "u:" . int(rand 5_000) . ":rw", "--", $name) if !-l $name },
  sub { my $name = name(); run("setfacl", "-d", "-m", "u:" . int(rand 5_000) . ":rwx", "--", $name) if is_directory($name) },
  sub { my $name = name(); run("setfacl", "-b", "--", $name) if !-l $name },
  sub { unlink any() },
  sub { run("rm", "-rf", "--", name()) if rand() < 0.2 },
);

for (my $count = 0; ; $count++) {
  $changes[rand @changes]->();
  select(undef, undef, undef, $pause) if $count > 300;
  unlink large() if $count % 20 == 0 && qx(du -sb .) =~ /^(\d+)/ && $1 > $bytes_max;
}
