# Asks by ARP who has an address, over and over, always by broadcast so that everyone answers who thinks that it has it:
#
#   perl ask-gateway.pl DEVICE OWN-HARDWARE-ADDRESS OWN-ADDRESS ASKED-ADDRESS SECONDS
use strict;
use warnings;

my ($device, $hardware, $own, $asked, $seconds) = @ARGV;
my ($AF_PACKET, $SOCK_RAW, $ETH_P_ARP, $SIOCGIFINDEX) = (17, 3, 0x0806, 0x8933);
socket(my $socket, $AF_PACKET, $SOCK_RAW, unpack('n', pack('S', $ETH_P_ARP))) or die "socket: $!";
my $request = pack('a16 x16', $device);
ioctl($socket, $SIOCGIFINDEX, $request) or die "$device: $!";
my $index = unpack('x16 i', $request);
my $target = pack('S n i S C C a8', $AF_PACKET, $ETH_P_ARP, $index, 0, 0, 6, "\xff" x 6);
my $mac = pack('H12', $hardware =~ s/://gr);
my $address = sub { pack('C4', split /\./, $_[0]) };
my $frame = "\xff" x 6 . $mac . pack('n n n C C n', $ETH_P_ARP, 1, 0x0800, 6, 4, 1);
$frame .= $mac . $address->($own) . "\0" x 6 . $address->($asked);
while (1) {
  send($socket, $frame, 0, $target);
  select(undef, undef, undef, $seconds);
}
