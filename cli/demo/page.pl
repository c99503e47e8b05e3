# The demo's page: counts its visitors in Redis, and answers each with the count so far.
use strict;
use IO::Socket::INET;

$SIG{CHLD} = 'IGNORE';
# As the first process of a container it gets no signal that it does not ask for.
$SIG{TERM} = sub { exit };
my $port = IO::Socket::INET->new(LocalPort => 80, Listen => 4096, ReuseAddr => 1) or die "port 80: $@";
while (1) {
  my $visitor = $port->accept or next;
  next if fork;
  # Who only connects is no visitor.
  exit unless defined <$visitor>;
  while (<$visitor>) { last if /^\r?$/ }
  my $redis = IO::Socket::INET->new('counter:6379') or exit;
  print $redis "INCR visits\r\n";
  my ($count) = <$redis> =~ /(\d+)/ or exit;
  print $visitor "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nvisitor $count\n";
  exit;
}
