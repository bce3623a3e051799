import { routerCollections, validator } from '@isthmus/contract';
import { parseHostname, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import {
  compileEgressRule,
  compileIngressRule,
  compileNic,
  compilePortForward,
  compilePublicAddress,
  compileStaticNat,
  type FirewallRow,
} from './entries.ts';

const publicAddress = parseIpv4Address('203.0.113.10');
const guest = parseIpv4Address('10.1.1.5');

function row(changes: Partial<FirewallRow>): FirewallRow {
  const empty = {
    startPort: null,
    endPort: null,
    icmpType: null,
    icmpCode: null,
    cidrList: '',
    destinationCidrList: '',
  };
  return { protocol: 'tcp', state: 'Add', ...empty, ...changes };
}

test('an ingress rule keeps its ports and its CIDRs, whatever the spaces between them', (t) => {
  const rule = compileIngressRule(
    row({ startPort: 80, endPort: 90, cidrList: '198.51.100.0/24, 192.0.2.0/24' }),
    publicAddress,
  );
  t.deepEqual(rule as unknown, {
    publicAddress: '203.0.113.10',
    protocol: 'tcp',
    ports: { first: 80, last: 90 },
    sources: ['198.51.100.0/24', '192.0.2.0/24'],
  });
  t.true(validator(routerCollections['firewall.ingress']).check(rule));
});

test('one port without an end is a range of one', (t) => {
  t.deepEqual(compileIngressRule(row({ startPort: 22 }), publicAddress)?.ports, { first: 22, last: 22 });
});

test('an ICMP rule without type and code means any', (t) => {
  t.deepEqual(compileEgressRule(row({ protocol: 'icmp' }))?.icmp, { type: -1, code: -1 });
  t.deepEqual(compileEgressRule(row({ protocol: 'icmp', icmpType: 8, icmpCode: 0 }))?.icmp, { type: 8, code: 0 });
});

test('an egress rule has destinations', (t) => {
  const rule = compileEgressRule(row({ protocol: 'all', cidrList: '10.1.1.0/24', destinationCidrList: '0.0.0.0/0' }));
  t.deepEqual(rule as unknown, { protocol: 'all', sources: ['10.1.1.0/24'], destinations: ['0.0.0.0/0'] });
});

test('what is wanted gone compiles to nothing', (t) => {
  t.is(compileIngressRule(row({ state: 'Revoke' }), publicAddress), null);
  t.is(compileEgressRule(row({ state: 'Revoke' })), null);
  t.is(compileStaticNat({ publicAddress, privateAddress: guest, state: 'Revoke' }), null);
  t.is(compileStaticNat({ publicAddress, privateAddress: null, state: null }), null);
  const forward = {
    publicAddress,
    privateAddress: guest,
    protocol: 'tcp',
    publicPorts: [80, 80],
    privatePorts: [80, 80],
  } as const;
  t.is(compilePortForward({ ...forward, state: 'Revoke' }), null);
});

test('a port forward names both ranges', (t) => {
  const forward = compilePortForward({
    publicAddress,
    privateAddress: guest,
    protocol: 'udp',
    publicPorts: [5000, 5010],
    privatePorts: [6000, 6010],
    state: 'Active',
  });
  t.true(validator(routerCollections['nat.portForwards']).check(forward));
  t.deepEqual(forward?.privatePorts, { first: 6000, last: 6010 });
});

test('the source NAT address and an address on its way out are no further public addresses', (t) => {
  const address = { address: publicAddress, prefixLength: 24 };
  t.is(compilePublicAddress({ ...address, isSourceNat: true, state: 'Allocated' }), null);
  t.is(compilePublicAddress({ ...address, isSourceNat: false, state: 'Releasing' }), null);
  t.is(compilePublicAddress({ ...address, isSourceNat: false, state: 'Allocated' })?.address, publicAddress);
});

test('a NIC is a lease and a name', (t) => {
  const nic = compileNic({
    macAddress: parseMacAddress('02:00:00:00:00:07'),
    address: guest,
    hostname: parseHostname('web'),
  });
  t.deepEqual(nic as unknown, {
    'dhcp.hosts': { macAddress: '02:00:00:00:00:07', address: '10.1.1.5', hostname: 'web' },
    'dns.records': { hostname: 'web', address: '10.1.1.5' },
  });
});
