import { createHost, createLog, scriptedRunner } from '@isthmus/host';
import { parseFqdn, parseHostname, parseInterfaceName, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import test from 'ava';
import { createDnsmasqService } from './dnsmasq.ts';
import { guests, hostOf, settingsOf, type TestChange, TestDocument } from './dnsmasq-fixture.ts';

/** Nothing here may run a command. */
function service() {
  const host = { ...createHost({ log: createLog({ level: 'silent' }) }), commands: scriptedRunner([]) };
  return createDnsmasqService({ host, paths: { state: '/nowhere/state', run: '/nowhere/run' }, namePrefix: 'itd' });
}

const address = parseIpv4Address;
const long = parseHostname('a'.repeat(63));
const deep = parseFqdn(Array.from({ length: 4 }, () => 'b'.repeat(60)).join('.'));

const faults: Readonly<Record<string, readonly [TestChange, readonly string[]]>> = {
  'no fault': [guests([1, 2, 3]), []],
  'an address outside the network': [
    { hosts: { a: hostOf(1, { address: address('10.2.0.1') }) } },
    ['dhcp.hosts.a.address: 10.2.0.1 is outside dhcp.network 10.1.0.0/23'],
  ],
  "the router's address": [
    { hosts: { a: hostOf(1, { address: address('10.1.0.1') }) } },
    ['dhcp.hosts.a.address: 10.1.0.1 is dhcp.router: expected an address that is free'],
  ],
  'the broadcast address': [
    { hosts: { a: hostOf(1, { address: address('10.1.1.255') }) } },
    ['dhcp.hosts.a.address: 10.1.1.255 is the broadcast address: expected an address that is free'],
  ],
  'a second host with everything of the first': [
    { hosts: { a: hostOf(1), b: hostOf(1) } },
    [
      'dhcp.hosts.b.macAddress: 02:00:00:00:00:01 is also that of dhcp.hosts.a: expected one that no other has',
      'dhcp.hosts.b.address: 10.1.1.1 is also that of dhcp.hosts.a: expected one that no other has',
      'dhcp.hosts.b.hostname: vm1 is also that of dhcp.hosts.a: expected one that no other has',
    ],
  ],
  'a name that two records have': [
    {
      records: {
        a: { hostname: hostOf(1).hostname, address: address('10.1.1.1') },
        b: { hostname: hostOf(1).hostname, address: address('10.1.1.2') },
      },
    },
    ['dns.records.b.hostname: vm1 is also that of dns.records.a: expected one that no other has'],
  ],
  'another interface for DNS': [
    { settings: settingsOf({}, { interface: parseInterfaceName('eth2') }) },
    ['dns.interface: eth2 is not dhcp.interface eth0: expected one for both'],
  ],
  'an interface that is not there': [
    { settings: settingsOf({ interface: parseInterfaceName('eth5') }, { interface: parseInterfaceName('eth5') }) },
    ['dhcp.interface: eth5 is no interface of the router: expected a guest one'],
  ],
  "a network without the router's own address": [
    { settings: settingsOf({ network: parseIpv4Cidr('10.9.0.0/16') }) },
    [
      'dhcp.network: 10.9.0.0/16 does not hold 10.1.0.1, the address of eth0: expected it to',
      'dhcp.router: 10.1.0.1 is outside dhcp.network 10.9.0.0/16: expected an address of it',
    ],
  ],
  'a domain that could end in an address': [
    { settings: settingsOf({ domain: parseFqdn('1.2.3') }, { domain: parseFqdn('1.2.3') }) },
    [
      'dhcp.domain: 1.2.3 ends in a label of digits: expected a letter in it',
      'dns.domain: 1.2.3 ends in a label of digits: expected a letter in it',
    ],
  ],
  'names that are too long with their domain': [
    {
      settings: settingsOf({ domain: deep }, { domain: deep }),
      hosts: { a: hostOf(1, { hostname: long }) },
      records: { a: { hostname: long, address: address('10.1.1.1') } },
    },
    [
      `dhcp.hosts.a.hostname: ${long}.${deep} is not a name: expected 253 characters`,
      `dns.records.a.hostname: ${long}.${deep} is too long: expected at most 253 characters`,
    ],
  ],
};

for (const [what, [change, expected]] of Object.entries(faults)) {
  test(`a check finds ${what}`, (t) => {
    for (const full of [true, false]) {
      const found = service().check(new TestDocument().change({ ...change, full }));
      t.deepEqual(
        found.map(({ path, message }) => `${path}: ${message}`),
        expected,
      );
    }
  });
}
