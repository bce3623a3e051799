# Sends one IPv4 packet, every field chosen: SOURCE DESTINATION PROTOCOL A B C D
#   tcp: source port, destination port, flags (number), - ; udp: source port, destination port, -, - ; icmp: type, code, id, -
use strict;
use warnings;
use Socket qw(AF_INET SOCK_RAW inet_aton pack_sockaddr_in);

my ($source, $destination, $protocol, $first, $second, $third) = @ARGV;
my %numbers = (icmp => 1, tcp => 6, udp => 17);
my ($from, $to) = (inet_aton($source), inet_aton($destination));

sub checksum {
  my ($data) = @_;
  $data .= "\0" if length($data) % 2;
  my $sum = 0;
  $sum += $_ for unpack('n*', $data);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return ~$sum & 0xffff;
}

# Sequence numbers by flags, so that connection tracking takes SYN, SYN-ACK and ACK for one handshake.
my %numbering = (2 => [1000, 0], 18 => [5000, 1001], 16 => [1001, 5001]);

my $segment;
if ($protocol eq 'tcp') {
  my ($sequence, $acknowledged) = @{ $numbering{$third} };
  $segment = pack('nnNNCCnnn', $first, $second, $sequence, $acknowledged, 5 << 4, $third, 65535, 0, 0);
} elsif ($protocol eq 'udp') {
  $segment = pack('nnnn', $first, $second, 8, 0);
} else {
  $segment = pack('CCnnn', $first, $second, 0, $third, 1);
}
my $pseudo = $protocol eq 'icmp' ? '' : $from . $to . pack('CCn', 0, $numbers{$protocol}, length $segment);
my %checksum_at = (tcp => 16, udp => 6, icmp => 2);
substr($segment, $checksum_at{$protocol}, 2) = pack('n', checksum($pseudo . $segment));

# The kernel fills in total length, identification and checksum (raw(7)).
my $header = pack('CCnnnCCn', 0x45, 0, 0, 0, 0, 64, $numbers{$protocol}, 0) . $from . $to;
socket(my $raw, AF_INET, SOCK_RAW, 255) or die "socket: $!";
defined send($raw, $header . $segment, 0, pack_sockaddr_in(0, $to)) or die "send: $!";
