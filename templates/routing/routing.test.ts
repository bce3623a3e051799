import { readFile, writeFile } from 'node:fs/promises';
import type { PublicAddress, RouterSettings } from '@isthmus/contract';
import { parseFqdn, parseInterfaceName, parseIpv4Address, parseIpv4Cidr, parseMacAddress } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  desiredRouting,
  type LinkState,
  parseDefaultRoutes,
  parseDevices,
  publicAddressFaults,
  type RoutingState,
  renderBatch,
  settingsFaults,
} from './index.ts';

const nothing: RoutingState = { links: [], defaultRoutes: [] };
const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');

const routing: RouterSettings['routing'] = {
  interfaces: [
    {
      name: eth0,
      role: 'guest',
      macAddress: parseMacAddress('02:00:00:00:00:01'),
      mtu: 1450,
      address: parseIpv4Address('10.1.1.1'),
      prefixLength: 24,
    },
    {
      name: eth2,
      role: 'public',
      macAddress: parseMacAddress('02:00:00:00:00:02'),
      mtu: 1500,
      address: parseIpv4Address('203.0.113.2'),
      prefixLength: 24,
    },
  ],
  defaultGateway: { address: parseIpv4Address('203.0.113.1'), interface: eth2 },
};

function publicAddress(last: number): PublicAddress {
  return { address: parseIpv4Address(`203.0.113.${last}`), prefixLength: 24, interface: eth2 };
}

async function matches(t: ExecutionContext, name: string, text: string): Promise<void> {
  const golden = new URL(`golden/${name}.batch`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
  t.is(text, await readFile(golden, 'utf8'));
}

const two = desiredRouting(routing, [publicAddress(3), publicAddress(4)]);

test('a router from nothing', (t) => matches(t, 'from-nothing', renderBatch(nothing, two)));

test('one more public address is one line', (t) => {
  const three = desiredRouting(routing, [3, 4, 5].map(publicAddress));
  t.is(renderBatch(two, three), 'address replace 203.0.113.5/24 dev eth2\n');
  t.is(renderBatch(three, two), 'address delete 203.0.113.5/24 dev eth2\n');
  t.is(renderBatch(two, two), '');
});

test('a NIC goes, another gets a new network and gateway', (t) => {
  const [, outside] = routing.interfaces;
  if (outside === undefined) return t.fail();
  const moved = {
    interfaces: [{ ...outside, address: parseIpv4Address('198.51.100.9'), prefixLength: 28 }],
    defaultGateway: { address: parseIpv4Address('198.51.100.1'), interface: eth2 },
  };
  return matches(t, 'moved', renderBatch(two, desiredRouting(moved, [])));
});

test('without a gateway there is no default route, and foreign ones go', (t) => {
  const { interfaces } = routing;
  const foreign = { gateway: null, interface: 'eth0', source: null, metric: 100 };
  const before = { ...desiredRouting({ interfaces }, []), defaultRoutes: [foreign] };
  t.is(renderBatch(before, desiredRouting({ interfaces }, [])), 'route delete default dev eth0 metric 100\n');
  t.is(
    renderBatch(before, desiredRouting(routing, [])),
    'route replace default via 203.0.113.1 dev eth2 src 203.0.113.2\nroute delete default dev eth0 metric 100\n',
  );
});

/** What a kernel would have after the lines: enough of ip(8) for renderBatch. */
function run(before: RoutingState, batch: string): Map<string, LinkState> {
  const links = new Map(before.links.map((link) => [link.name, link]));
  for (const line of batch.split('\n')) {
    const [object, verb, ...words] = line.split(' ');
    const name = words[words.indexOf('dev') + 1] ?? '';
    const link = links.get(name) ?? { name, up: false, mtu: 0, addresses: [] };
    const [address = ''] = words;
    if (object === 'address' && verb === 'replace')
      links.set(name, { ...link, addresses: [...link.addresses, address] });
    if (object === 'address' && verb === 'delete') {
      links.set(name, { ...link, addresses: link.addresses.filter((each) => each !== address) });
    }
    if (object === 'link') {
      const mtu = words.includes('mtu') ? Number(words[words.indexOf('mtu') + 1]) : link.mtu;
      links.set(name, { ...link, mtu, up: words.includes('up') || (link.up && !words.includes('down')) });
    }
  }
  return links;
}

const linkArbitrary = fc.record({
  up: fc.boolean(),
  mtu: fc.constantFrom(1400, 1500),
  addresses: fc.uniqueArray(fc.constantFrom('10.0.0.1/24', '10.0.0.2/24', '10.0.0.3/24', '10.9.0.1/16')),
});
const stateArbitrary = fc
  .dictionary(fc.constantFrom('eth0', 'eth1', 'eth2'), linkArbitrary)
  .map((links) => ({ links: Object.entries(links).map(([name, link]) => ({ name, ...link })), defaultRoutes: [] }));

test('the batch leads from any state to any other', (t) => {
  const leads = fc.property(stateArbitrary, stateArbitrary, (before, after) => {
    const reached = run(before, renderBatch(before, after));
    for (const wanted of after.links) {
      const link = reached.get(wanted.name);
      if (link === undefined) return false;
      if (link.up !== wanted.up || link.mtu !== wanted.mtu) return false;
      if (link.addresses.toSorted().join() !== wanted.addresses.toSorted().join()) return false;
    }
    const dropped = before.links.filter(({ name }) => !after.links.some((link) => link.name === name));
    return dropped.every(({ name }) => reached.get(name)?.addresses.length === 0 && reached.get(name)?.up === false);
  });
  t.notThrows(() => fc.assert(leads));
});

test('the output of ip is read', (t) => {
  const address = [
    {
      ifname: 'eth2',
      address: '02:00:00:00:00:02',
      mtu: 1500,
      flags: ['BROADCAST', 'UP', 'LOWER_UP'],
      addr_info: [
        { family: 'inet', local: '203.0.113.2', prefixlen: 24 },
        { family: 'inet6', local: 'fe80::1', prefixlen: 64 },
      ],
    },
  ];
  t.deepEqual(parseDevices(JSON.stringify(address)), [
    {
      name: 'eth2',
      macAddress: '02:00:00:00:00:02',
      up: true,
      carrier: true,
      mtu: 1500,
      addresses: ['203.0.113.2/24'],
    },
  ]);
  const routes = [{ dst: 'default', gateway: '203.0.113.1', dev: 'eth2', prefsrc: '203.0.113.2', flags: [] }];
  t.deepEqual(parseDefaultRoutes(JSON.stringify(routes)), [
    { gateway: '203.0.113.1', interface: 'eth2', source: '203.0.113.2', metric: null },
  ]);
  t.deepEqual(parseDefaultRoutes(''), []);
});

const guestNetwork = parseIpv4Cidr('10.1.1.0/24');
const guestAddress = parseIpv4Address('10.1.1.1');
const domain = parseFqdn('cs1.internal');
const settings = {
  routing,
  dhcp: {
    interface: eth0,
    network: guestNetwork,
    router: guestAddress,
    dnsServers: [guestAddress],
    domain,
    leaseTimeSeconds: 3600,
  },
  dns: { interface: eth0, domain, forwarders: [] },
  nat: { guestInterface: eth0, guestNetwork, guestAddress, publicInterface: eth2 },
  firewall: { guestInterface: eth0, publicInterface: eth2, guestNetwork, egressDefault: 'allow' as const },
};

test('settings that fit have no fault', (t) => {
  t.deepEqual(settingsFaults(settings), []);
  t.deepEqual(publicAddressFaults(routing, new Map([['a', publicAddress(3)]])), []);
});

test('faults name the path, the value and what was expected', (t) => {
  const eth9 = parseInterfaceName('eth9');
  const [first] = routing.interfaces;
  if (first === undefined) return t.fail();
  const paths = (changed: Partial<typeof settings>) =>
    settingsFaults({ ...settings, ...changed }).map(({ path }) => path);
  t.deepEqual(paths({ dns: { ...settings.dns, interface: eth9 } }), ['dns.interface']);
  t.deepEqual(paths({ routing: { ...routing, interfaces: [...routing.interfaces, first] } }), [
    'routing.interfaces.2.name',
    'routing.interfaces.2.macAddress',
    'routing.interfaces.2.address',
  ]);
  const far = { address: parseIpv4Address('198.51.100.1'), interface: eth2 };
  t.deepEqual(settingsFaults({ ...settings, routing: { ...routing, defaultGateway: far } }), [
    {
      path: 'routing.defaultGateway.address',
      message: '198.51.100.1: expected another address of 203.0.113.0/24, the network of eth2',
    },
  ]);
  t.deepEqual(paths({ routing: { ...routing, defaultGateway: { ...far, interface: eth9 } } }), [
    'routing.defaultGateway.interface',
  ]);
  const twice = new Map([
    ['a', publicAddress(2)],
    ['b', publicAddress(3)],
    ['c', { ...publicAddress(3), interface: eth0 }],
  ]);
  t.deepEqual(
    publicAddressFaults(routing, twice).map(({ path }) => path),
    ['routing.publicAddresses.a.address', 'routing.publicAddresses.c.interface', 'routing.publicAddresses.c.address'],
  );
});
