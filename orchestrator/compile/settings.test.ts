import { type RouterSettings, routerSettings, sectionNames, validator } from '@isthmus/contract';
import { parseFqdn, parseIpv4Address, parseIpv4Cidr, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { compileSettings, type SettingsInput } from './settings.ts';

const input: SettingsInput = {
  router: {
    name: 'r-4-VM',
    guestMac: parseMacAddress('02:00:00:00:00:01'),
    publicMac: parseMacAddress('02:00:00:00:00:02'),
  },
  network: {
    cidr: parseIpv4Cidr('10.1.1.0/24'),
    gateway: parseIpv4Address('10.1.1.1'),
    domain: parseFqdn('cs1.example.org'),
    privateMtu: 1500,
    publicMtu: 1500,
    dns: [],
    egressDefaultAllow: false,
    services: new Set(['Dhcp', 'Dns', 'UserData', 'Firewall', 'SourceNat', 'StaticNat', 'PortForwarding', 'Lb']),
    isRouted: false,
    maxConnections: null,
  },
  zoneDns: [parseIpv4Address('192.0.2.53')],
  uplink: {
    address: parseIpv4Address('203.0.113.10'),
    prefixLength: 24,
    gateway: parseIpv4Address('203.0.113.1'),
  },
  ipv6: null,
};

function fits(settings: RouterSettings): boolean {
  return sectionNames.every((name) => validator(routerSettings[name]).check(settings[name]));
}

test('a network with source NAT has a public NIC, a default gateway and forwards to the resolvers of its zone', (t) => {
  const settings = compileSettings(input);
  t.true(fits(settings));
  t.deepEqual(
    settings.routing.interfaces.map(({ name, address }) => `${name} ${address}`),
    ['eth0 10.1.1.1', 'eth2 203.0.113.10'],
  );
  t.is(settings.routing.defaultGateway?.address, input.uplink?.gateway);
  t.deepEqual(settings.dns.forwarders, [...input.zoneDns]);
  t.is(settings.firewall.egressDefault, 'deny');
  t.is(settings.dhcp.mtu, undefined);
});

test('a network without source NAT has no public NIC and no gateway', (t) => {
  const settings = compileSettings({ ...input, uplink: null });
  t.true(fits(settings));
  t.deepEqual(
    settings.routing.interfaces.map(({ name }) => name as string),
    ['eth0'],
  );
  t.is(settings.routing.defaultGateway, undefined);
  t.is(settings.nat.sourceNatAddress, undefined);
  t.is(settings.firewall.publicInterface, undefined);
});

test("a network's own resolvers and MTU win", (t) => {
  const network = {
    ...input.network,
    dns: [parseIpv4Address('198.51.100.1')],
    privateMtu: 1450,
    egressDefaultAllow: true,
  };
  const settings = compileSettings({ ...input, network });
  t.true(fits(settings));
  t.deepEqual(settings.dns.forwarders as string[], ['198.51.100.1']);
  t.is(settings.dhcp.mtu, 1450);
  t.is(settings.firewall.egressDefault, 'allow');
});
