// Two routers' VMs on the control network, of which one lies: with real frames, on real taps.
import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { ensureControlBridge } from '../../wiring/bridges.ts';
import { changeLinks, listLinks } from '../../wiring/links.ts';
import { ensureTaps } from './taps.ts';

const [liar, victim] = ['06:00:00:00:00:0a', '06:00:00:00:00:0b'];
const victimAddress = '169.254.20.3';

/**
 * Holds both taps as two QEMUs would. The liar sends a frame with the victim's source address; then the host sends three
 * datagrams to the victim. Prints how many of them came out at the liar's and at the victim's tap.
 */
const program = String.raw`
  use IO::Select; use IO::Socket::INET;
  my @taps = map {
    open(my $tap, '+<', '/dev/net/tun') or die "tun: $!";
    ioctl($tap, 0x400454ca, pack('a16 s x22', $_, 0x0002 | 0x1000 | 0x4000)) or die "$_: $!";
    $tap
  } @ARGV[0, 1];
  sleep 1;
  my $mac = pack('H*', $ARGV[2] =~ s/://gr);
  syswrite($taps[0], "\0" x 10 . "\xff" x 6 . $mac . pack('n', 0x88b5) . "\0" x 46) or die $!;
  select(undef, undef, undef, 0.2);
  my $host = IO::Socket::INET->new(Proto => 'udp', PeerAddr => $ARGV[3], PeerPort => 9999) or die $!;
  $host->send('secret datagram') for 1 .. 3;
  my %count; my $until = time + 2;
  while (time < $until) {
    for my $ready (IO::Select->new(@taps)->can_read(0.2)) {
      sysread($ready, my $frame, 2048);
      $count{$ready}++ if index($frame, 'secret datagram') >= 0;
    }
  }
  printf "%d %d\n", map { $count{$_} // 0 } @taps;
`;

test('what the host sends to one router is not drawn to another that takes its MAC address', async (t) => {
  const machine = createHost({ log: silentLog });
  const name = `control-${randomBytes(3).toString('hex')}`;
  await machine.commands.run('ip', ['netns', 'add', name]);
  t.teardown(async () => void (await machine.commands.run('ip', ['netns', 'delete', name])));
  const { commands } = createNamespaceHost(machine, name);
  await ensureControlBridge(commands, 'ab12c', '169.254.20.1/22');
  const taps = [liar, victim].map((macAddress, index) => {
    return { port: `ab12r0000000${index}c`, macAddress, bridge: 'ab12c', isolated: true };
  });
  const ensure = async () =>
    ensureTaps(commands, taps, new Map((await listLinks(commands)).map((link) => [link.name, link])));
  t.is((await ensure()).length, 2);
  await changeLinks(commands, [`neigh replace ${victimAddress} lladdr ${victim} dev ab12c nud permanent`]);
  const words = ['-e', program, ...taps.map(({ port }) => port), victim, victimAddress];
  t.is((await commands.run('perl', words)).stdout, '0 3\n');
  t.deepEqual(await ensure(), [], 'and the taps are as they should be');
});
