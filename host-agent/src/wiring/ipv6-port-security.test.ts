// Real frames of IPv6 through a guarded port: a guest is itself and nobody else.
import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, nft, silentLog } from '@isthmus/host';
import { eui64Address, linkLocalAddressOf, macFromNumber, parseIpv4Address, parseIpv6Cidr } from '@isthmus/net';
import test from 'ava';
import { PortGuard } from './port-guard.ts';

const host = createHost({ log: silentLog });
const network = parseIpv6Cidr('2001:db8:1::/64');

/** Sends one frame of ICMPv6 or UDP from a packet socket, whatever the kernel thinks of it. */
const sender = `
import socket, struct, sys
kind, smac, source, target = sys.argv[1:5]
packed = lambda text: socket.inet_pton(socket.AF_INET6, text)
mac = lambda text: bytes(int(byte, 16) for byte in text.split(':'))
types = {'ns': 135, 'na': 136, 'ra': 134, 'redirect': 137}
to = packed('ff02::1')
if kind == 'dhcp':
    proto, body = 17, struct.pack('!HHHH', 547, 546, 12, 0) + b'\\x02abc'
else:
    flags = 0x60000000 if kind == 'na' else 0
    proto, body = 58, struct.pack('!BBHI', types[kind], 0, 0, flags) + packed(target) + b'\\x02\\x01' + mac(smac)
pseudo = packed(source) + to + struct.pack('!I3xB', len(body), proto)
data = pseudo + body
data += b'\\0' * (len(data) % 2)
total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
while total >> 16: total = (total & 0xffff) + (total >> 16)
at = 6 if proto == 17 else 2
body = body[:at] + struct.pack('!H', ~total & 0xffff) + body[at + 2:]
header = struct.pack('!IHBB', 6 << 28, len(body), proto, 255) + packed(source) + to
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(('eth0', 0))
link.send(mac('33:33:00:00:00:01') + mac(smac) + b'\\x86\\xdd' + header + body)
`;

test('a guest speaks from its own addresses, answers for them alone, and is no router', async (t) => {
  const id = randomBytes(3).toString('hex');
  const installation = `t${id.slice(0, 3)}`;
  const names = ['bridge', 'guest', 'other'].map((part) => `v6p-${id}-${part}`);
  const [bridge = '', guest = '', other = ''] = names;
  const run = (file: string, ...args: string[]) => host.commands.run(file, args);
  t.teardown(async () => {
    for (const name of names) await host.commands.run('ip', ['netns', 'delete', name], { okCodes: [0, 1] });
  });
  for (const name of names) await run('ip', 'netns', 'add', name);
  const inBridge = createNamespaceHost(host, bridge);
  await inBridge.commands.run('ip', [
    'link',
    'add',
    'br0',
    'type',
    'bridge',
    'mcast_snooping',
    '0',
    'forward_delay',
    '0',
  ]);
  await inBridge.commands.run('ip', ['link', 'set', 'br0', 'up']);
  const macAddress = macFromNumber(0x10);
  const otherMac = macFromNumber(0x20);
  const port = `${installation}i0a0000000`;
  for (const [device, namespace, mac] of [
    [port, guest, macAddress],
    ['other', other, otherMac],
  ] as const) {
    const peer = ['peer', 'name', 'eth0', 'address', mac, 'netns', namespace];
    await inBridge.commands.run('ip', ['link', 'add', device, 'type', 'veth', ...peer]);
    await inBridge.commands.run('ip', ['link', 'set', device, 'master', 'br0', 'up']);
    const inside = createNamespaceHost(host, namespace).commands;
    await inside.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.accept_dad=0']);
    await inside.run('ip', ['link', 'set', 'eth0', 'up']);
    await inside.run('ip', ['-6', 'address', 'add', `${eui64Address(network, mac)}/64`, 'dev', 'eth0']);
  }
  const guard = new PortGuard(inBridge.commands, installation);
  const own = eui64Address(network, macAddress);
  const link = linkLocalAddressOf(macAddress);
  const neighbour = eui64Address(network, otherMac);
  const guarded = { name: port, macAddress, addresses: [parseIpv4Address('10.1.1.5')] };
  await guard.load([{ ...guarded, ipv6Addresses: [own] }]);
  const inGuest = createNamespaceHost(host, guest).commands;
  const pings = async (to: string, source: string): Promise<boolean> => {
    const args = ['-6', '-c', '2', '-i', '0.2', '-W', '1', '-I', source, to];
    return (await inGuest.run('ping', args, { okCodes: [0, 1, 2] })).exitCode === 0;
  };
  t.true(await pings(neighbour, own));
  t.true(await pings(`${linkLocalAddressOf(otherMac)}%eth0`, 'eth0'));
  await inGuest.run('ip', ['-6', 'address', 'add', '2001:db8:1::66/128', 'dev', 'eth0', 'nodad']);
  t.false(await pings(neighbour, '2001:db8:1::66'), 'an address that is not its own');
  /** Frames from the guest's port that came out at the bridge's other port, by the counter of that device. */
  const seen = async (): Promise<number> => {
    const { stdout } = await inBridge.commands.run('ip', ['-s', '-j', 'link', 'show', 'dev', 'other']);
    const [device] = JSON.parse(stdout) as { stats64: { tx: { packets: number } } }[];
    return device?.stats64.tx.packets ?? 0;
  };
  await inGuest.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
  const passes = async (...words: readonly string[]): Promise<boolean> => {
    const before = await seen();
    for (let count = 0; count < 5; count += 1) await inGuest.run('/usr/bin/python3', ['-c', sender, ...words]);
    return (await seen()) - before >= 5;
  };
  const rows: readonly (readonly [passes: boolean, ...words: string[]])[] = [
    [true, 'na', macAddress, own, own],
    [true, 'na', macAddress, link, link],
    [true, 'na', macAddress, link, own],
    [true, 'ns', macAddress, link, neighbour],
    [true, 'ns', macAddress, '::', own],
    [false, 'na', macAddress, link, neighbour],
    [false, 'na', macAddress, own, '2001:db8:1::1'],
    [false, 'na', macAddress, neighbour, own],
    [false, 'na', otherMac, own, own],
    [false, 'ns', macAddress, '::', neighbour],
    [false, 'ns', macAddress, linkLocalAddressOf(otherMac), own],
    [false, 'ra', macAddress, link, own],
    [false, 'ra', macAddress, own, own],
    [false, 'redirect', macAddress, link, own],
    [false, 'dhcp', macAddress, link, own],
    [false, 'dhcp', macAddress, own, own],
  ];
  for (const [expected, ...words] of rows) t.is(await passes(...words), expected, words.join(' '));
  await guard.set(guarded);
  t.false(await passes('na', macAddress, own, own), 'without addresses of IPv6 nothing of it passes');
  await guard.removeAll();
  const left = await inBridge.commands.run(nft, ['list', 'tables']);
  t.false(left.stdout.includes(`ith_${installation}_nd`));
});
