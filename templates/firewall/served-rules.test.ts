// What becomes of packets at an appliance that serves and routes for nobody, each row a sentence.
import { type Conntrack, tracePacket, validateRuleSet } from '@isthmus/iptables-ts';
import { parseInterfaceName } from '@isthmus/net';
import test from 'ava';
import { type ControlPath, servedRules } from './index.ts';
import { address } from './packet-filter-fixture.ts';

const control: ControlPath = {
  interface: parseInterfaceName('eth1'),
  address: address('169.254.20.7'),
  prefixLength: 22,
  gateway: address('169.254.20.1'),
  port: 3922,
};
const server = { interface: parseInterfaceName('eth2'), address: address('203.0.113.10'), port: 8443 };
const [host, client, own] = [control.gateway, '198.51.100.9', server.address];
const served = servedRules(control, { servers: [server], hostPorts: [3923] });

interface Packet {
  readonly nic?: string;
  readonly from: string;
  readonly to: string;
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  readonly ports?: readonly [from: number, to: number];
  readonly icmp?: readonly [type: number, code: number];
  readonly state?: Conntrack['state'];
}

const rows: readonly (readonly [string, 'ACCEPT' | 'DROP', Packet])[] = [
  [
    'a browser reaches the port',
    'ACCEPT',
    { nic: 'eth2', from: client, to: own, ports: [4000, 8443], state: 'UNTRACKED' },
  ],
  ['no other port', 'DROP', { nic: 'eth2', from: client, to: own, ports: [4000, 22] }],
  ['not by UDP', 'DROP', { nic: 'eth2', from: client, to: own, protocol: 'udp', ports: [4000, 8443] }],
  ['not by another address', 'DROP', { nic: 'eth2', from: client, to: '203.0.113.11', ports: [4000, 8443] }],
  ['not from the control side', 'DROP', { nic: 'eth1', from: host, to: own, ports: [4000, 8443] }],
  ['nor for the control address', 'DROP', { nic: 'eth2', from: client, to: control.address, ports: [4000, 8443] }],
  ['it answers a ping', 'ACCEPT', { nic: 'eth2', from: client, to: own, protocol: 'icmp', icmp: [8, 0] }],
  [
    'not one from the control side',
    'DROP',
    { nic: 'eth1', from: host, to: control.address, protocol: 'icmp', icmp: [8, 0] },
  ],
  [
    'it hears that a packet was too big',
    'ACCEPT',
    { nic: 'eth2', from: '192.0.2.1', to: own, protocol: 'icmp', icmp: [3, 4] },
  ],
  ['no redirect', 'DROP', { nic: 'eth2', from: '192.0.2.1', to: own, protocol: 'icmp', icmp: [5, 0] }],
  [
    'the host reaches the agent',
    'ACCEPT',
    { nic: 'eth1', from: host, to: control.address, ports: [4000, 3922], state: 'UNTRACKED' },
  ],
  ['no other appliance does', 'DROP', { nic: 'eth1', from: '169.254.20.8', to: control.address, ports: [4000, 3922] }],
  ['nor the public side', 'DROP', { nic: 'eth2', from: client, to: own, ports: [4000, 3922] }],
  ['nor the host by another port', 'DROP', { nic: 'eth1', from: host, to: control.address, ports: [4000, 22] }],
  ['nor from the port of its door', 'DROP', { nic: 'eth1', from: host, to: control.address, ports: [3923, 22] }],
  [
    'the door answers',
    'ACCEPT',
    { nic: 'eth1', from: host, to: control.address, ports: [3923, 40_000], state: 'ESTABLISHED' },
  ],
  ['it asks the door', 'ACCEPT', { from: control.address, to: host, ports: [40_000, 3923] }],
  ['it asks the host nothing else', 'DROP', { from: control.address, to: host, ports: [40_000, 22] }],
  ['it asks no other appliance', 'DROP', { from: control.address, to: '169.254.20.8', ports: [40_000, 3923] }],
  ['it reaches a server elsewhere', 'ACCEPT', { from: own, to: client, ports: [40_000, 5900] }],
  ['which answers', 'ACCEPT', { nic: 'eth2', from: client, to: own, ports: [5900, 40_000], state: 'ESTABLISHED' }],
  ['nothing goes through', 'DROP', { nic: 'eth2', from: client, to: '8.8.8.8', ports: [1, 2] }],
];

test('an appliance admits what it serves, its agent for the host, and nothing else', (t) => {
  t.deepEqual(validateRuleSet(served), []);
  for (const [sentence, expected, packet] of rows) {
    const { nic, from, to, protocol = 'tcp', ports, icmp, state = 'NEW' } = packet;
    const { verdict } = tracePacket({
      ruleSet: served,
      sets: [],
      packet: {
        ...(nic === undefined ? {} : { inInterface: parseInterfaceName(nic) }),
        source: address(from),
        destination: address(to),
        protocol,
        ...(ports === undefined ? {} : { sourcePort: ports[0], destinationPort: ports[1] }),
        ...(icmp === undefined ? {} : { icmp: { type: icmp[0], code: icmp[1] } }),
        conntrack: { state },
      },
      route: (destination) => {
        if ([own, control.address].includes(destination)) return 'local';
        return { outInterface: parseInterfaceName(destination.startsWith('169.254.') ? 'eth1' : 'eth2') };
      },
    });
    t.is(verdict, expected, sentence);
  }
});
