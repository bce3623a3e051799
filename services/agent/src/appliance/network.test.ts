import { renderRuleSet } from '@isthmus/iptables-ts';
import { parseInterfaceName, parseIpv4Address, parseIpv4Cidr, parseMacAddress } from '@isthmus/net';
import { filterInput } from '@isthmus/templates/firewall';
import test from 'ava';
import { closedText, controlPath, linkLines, strangeNics } from './network.ts';

const identity = {
  control: {
    macAddress: parseMacAddress('02:00:00:00:00:0c'),
    address: parseIpv4Address('169.254.20.7'),
    prefixLength: 22,
    gateway: parseIpv4Address('169.254.20.1'),
  },
  nics: [
    { name: parseInterfaceName('eth0'), macAddress: parseMacAddress('02:00:00:00:00:01') },
    { name: parseInterfaceName('eth2'), macAddress: parseMacAddress('02:00:00:00:00:02') },
  ],
};
const up = ['link set dev lo up', 'address replace 169.254.20.7/22 dev eth1', 'link set dev eth1 up'];

test('NICs that have their names keep them, and only the control NIC comes up', (t) => {
  const links = [
    { ifname: 'lo', address: '00:00:00:00:00:00' },
    { ifname: 'eth0', address: '02:00:00:00:00:01' },
    { ifname: 'eth1', address: '02:00:00:00:00:0C' },
    { ifname: 'eth2', address: '02:00:00:00:00:02' },
  ];
  t.deepEqual(linkLines(links, identity), up);
});

test('NICs are named by their MAC addresses, however the kernel named them', (t) => {
  const links = [
    { ifname: 'eth0', address: '02:00:00:00:00:02' },
    { ifname: 'eth1', address: '02:00:00:00:00:01' },
    { ifname: 'eth2', address: '02:00:00:00:00:0c' },
  ];
  const lines = linkLines(links, identity) ?? [];
  t.deepEqual(lines.slice(-3), up);
  const renames = lines.flatMap((line) => /^link set dev (\S+) name (\S+)$/.exec(line)?.slice(1, 3).join(' ') ?? []);
  t.deepEqual(renames, [
    'eth0 ith-move0',
    'eth1 ith-move1',
    'eth2 ith-move2',
    'ith-move0 eth2',
    'ith-move1 eth0',
    'ith-move2 eth1',
  ]);
});

test('a NIC that nobody knows gives way, and a router without its control NIC waits', (t) => {
  const links = [
    { ifname: 'eth1', address: '02:00:00:00:00:99' },
    { ifname: 'ens3', address: '02:00:00:00:00:0c' },
  ];
  const lines = linkLines(links, identity) ?? [];
  t.true(lines.includes('link set dev ith-move0 name old-eth1'));
  t.true(lines.includes('link set dev ith-move1 name eth1'));
  t.is(linkLines(links.slice(0, 1), identity), null);
});

test('in a namespace of its own there are no NICs of others', (t) => {
  const own = [
    { ifname: 'lo', address: '00:00:00:00:00:00' },
    { ifname: 'sit0', address: '0.0.0.0' },
    { ifname: 'nic7', address: '02:00:00:00:00:0C' },
  ];
  t.deepEqual(strangeNics(own, identity), []);
  t.deepEqual(strangeNics([...own, { ifname: 'eth9', address: '02:00:00:00:00:99' }], identity), ['eth9']);
});

test('before any document the agent is reached by the host alone', (t) => {
  t.is(
    closedText(identity.control),
    `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -s 169.254.20.1/32 -d 169.254.20.7/32 -i eth1 -p tcp -m tcp --dport 3922 -j CT --notrack
-A PREROUTING -s 169.254.20.1/32 -d 169.254.20.7/32 -i eth1 -p tcp -m tcp --dport 3922 -j ACCEPT
-A PREROUTING -i eth1 -j DROP
-A PREROUTING -d 169.254.20.0/22 ! -i eth1 -j DROP
-A PREROUTING -s 169.254.20.0/22 ! -i eth1 -j DROP
-A OUTPUT -s 169.254.20.7/32 -d 169.254.20.1/32 -o eth1 -p tcp -m tcp --sport 3922 -j CT --notrack
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s 169.254.20.1/32 -d 169.254.20.7/32 -i eth1 -p tcp -m tcp --dport 3922 -j ACCEPT
-A INPUT -i eth1 -j DROP
-A INPUT -i lo -j ACCEPT
-A FORWARD -i eth1 -j DROP
-A FORWARD -o eth1 -j DROP
-A OUTPUT -s 169.254.20.7/32 -d 169.254.20.1/32 -o eth1 -p tcp -m tcp --sport 3922 -j ACCEPT
-A OUTPUT -o eth1 -j DROP
COMMIT
`,
  );
});

test('a document begins what comes in with the same rule, by which an agent that starts again knows it', (t) => {
  const guestNetwork = parseIpv4Cidr('10.1.1.0/24');
  const base = { guestInterface: parseInterfaceName('eth0'), guestAddress: parseIpv4Address('10.1.1.1'), guestNetwork };
  const names = { ingressRoot: 'i', egress: 'e', listeners: 'l', inbound: 'n', spoof: 's', publicAddresses: 'p' };
  const input = filterInput({ ...base, control: controlPath(identity.control) }, names);
  const firstOf = (text: string) => text.split('\n').find((line) => line.startsWith('-A INPUT '));
  const document = renderRuleSet({ filter: new Map([['INPUT', input]]) });
  t.is(firstOf(document), firstOf(closedText(identity.control)));
  t.true(document.includes(':INPUT DROP'));
});
