import { createHost } from '@isthmus/host';
import test from 'ava';
import { natFaults } from '../nat.ts';
import { createNetfilterService } from './netfilter.ts';
import { address, cidr, type Edit, ports, settings, TestDocument } from './netfilter-fixture.ts';
import { FilterState } from './state.ts';

const [publicAddress, second] = [address('203.0.113.2'), address('203.0.113.3')];
const privateAddress = address('10.1.1.10');
const forward = (first: number, last = first) =>
  ({
    publicAddress,
    protocol: 'tcp',
    publicPorts: ports(first, last),
    privateAddress,
    privatePorts: ports(first, last),
  }) as const;
const rule = { publicAddress, sources: [] };

const service = createNetfilterService({
  host: createHost(),
  paths: { state: '/nonexistent', run: '/nonexistent' },
  namePrefix: 'ctest',
});

/** A refused edit of a document with port forward `old` (80 to 89), and static NAT `sn` of .3: path and message of the fault. */
const refused: readonly (readonly [string, Edit, string, string])[] = [
  [
    'unequal lengths',
    { 'nat.portForwards': { x: { ...forward(100, 110), privatePorts: ports(100, 109) } } },
    'nat.portForwards.x.privatePorts',
    '100:109: expected as many ports as publicPorts 100:110',
  ],
  [
    'a range backwards',
    { 'nat.portForwards': { x: { ...forward(100), publicPorts: ports(9, 8) } } },
    'nat.portForwards.x.publicPorts',
    '9 to 8: expected a first port that is not after the last',
  ],
  [
    'an overlap at the end',
    { 'nat.portForwards': { x: forward(89, 95) } },
    'nat.portForwards.x.publicPorts',
    '89:95: expected ports that port forward old does not have',
  ],
  [
    'an overlap inside',
    { 'nat.portForwards': { x: forward(85) } },
    'nat.portForwards.x.publicPorts',
    '85: expected ports that port forward old does not have',
  ],
  [
    'an overlap around',
    { 'nat.portForwards': { x: forward(70, 99) } },
    'nat.portForwards.x.publicPorts',
    '70:99: expected ports that port forward old does not have',
  ],
  [
    'an overlap within the change',
    { 'nat.portForwards': { x: forward(200), y: forward(190, 200) } },
    'nat.portForwards.y.publicPorts',
    '190:200: expected ports that port forward x does not have',
  ],
  [
    'a target outside the guest network',
    { 'nat.portForwards': { x: { ...forward(100), privateAddress: address('10.2.1.10') } } },
    'nat.portForwards.x.privateAddress',
    "10.2.1.10: expected a guest's address in 10.1.1.0/24",
  ],
  [
    'the router as a target',
    { 'nat.portForwards': { x: { ...forward(100), privateAddress: address('10.1.1.1') } } },
    'nat.portForwards.x.privateAddress',
    "10.1.1.1: expected a guest's address in 10.1.1.0/24",
  ],
  [
    'a forward on a static NAT',
    { 'nat.portForwards': { x: { ...forward(100), publicAddress: second } } },
    'nat.portForwards.x.publicAddress',
    '203.0.113.3: expected an address that static NAT sn does not have',
  ],
  [
    'a static NAT on a forward',
    {
      'nat.staticNats': { x: { publicAddress: address('203.0.113.4'), privateAddress: address('10.1.1.12') } },
      'nat.portForwards': { y: { ...forward(1), publicAddress: address('203.0.113.4') } },
    },
    'nat.staticNats.x.publicAddress',
    '203.0.113.4: expected an address that port forward y does not have',
  ],
  [
    'two static NATs of an address',
    { 'nat.staticNats': { x: { publicAddress: second, privateAddress: address('10.1.1.12') } } },
    'nat.staticNats.x.publicAddress',
    '203.0.113.3: expected an address that static NAT sn does not have',
  ],
  [
    'two static NATs of a guest',
    { 'nat.staticNats': { x: { publicAddress: address('203.0.113.5'), privateAddress: address('10.1.1.20') } } },
    'nat.staticNats.x.privateAddress',
    '10.1.1.20: expected a guest that static NAT sn does not have',
  ],
  [
    'a static NAT outside',
    { 'nat.staticNats': { x: { publicAddress: address('203.0.113.5'), privateAddress: address('10.9.1.20') } } },
    'nat.staticNats.x.privateAddress',
    "10.9.1.20: expected a guest's address in 10.1.1.0/24",
  ],
  [
    'ports with icmp',
    { 'firewall.ingress': { x: { ...rule, protocol: 'icmp', ports: ports(1) } } },
    'firewall.ingress.x.ports',
    '1 to 1: expected none with protocol icmp',
  ],
  [
    'ports with all',
    { 'firewall.egress': { x: { protocol: 'all', ports: ports(1, 2), sources: [], destinations: [] } } },
    'firewall.egress.x.ports',
    '1 to 2: expected none with protocol all',
  ],
  [
    'ports backwards',
    { 'firewall.ingress': { x: { ...rule, protocol: 'tcp', ports: ports(3, 1) } } },
    'firewall.ingress.x.ports',
    '3 to 1: expected a first port that is not after the last',
  ],
  [
    'icmp with tcp',
    { 'firewall.ingress': { x: { ...rule, protocol: 'tcp', icmp: { type: 8, code: 0 } } } },
    'firewall.ingress.x.icmp',
    'type 8: expected none with protocol tcp',
  ],
  [
    'a code without a type',
    { 'firewall.egress': { x: { protocol: 'icmp', icmp: { type: -1, code: 3 }, sources: [], destinations: [] } } },
    'firewall.egress.x.icmp.code',
    '3: expected -1 where the type is -1, which means any',
  ],
];

function base(): TestDocument {
  const document = new TestDocument();
  document.edit({
    'nat.portForwards': { old: forward(80, 89), low: forward(10, 20), high: forward(1000) },
    'nat.staticNats': { sn: { publicAddress: second, privateAddress: address('10.1.1.20') } },
  });
  return document;
}

for (const [name, edit, path, message] of refused) {
  test(`refused: ${name}`, (t) => {
    const document = base();
    const { index } = FilterState.of('ctest', document.view);
    const change = document.edit(edit);
    const known = [...natFaults(change, index), ...service.check(change)].find((fault) => fault.path === path);
    t.is(known?.message, `${path} ${message}`);
    const full = service.check(document.full());
    t.true(full.length > 0, 'a full change finds it as well');
  });
}

test('what makes room in the same change is no contradiction', (t) => {
  const document = base();
  const { index } = FilterState.of('ctest', document.view);
  const change = document.edit({
    'nat.portForwards': { old: null, new: forward(85, 90), high: forward(1000, 1002) },
    'nat.staticNats': { sn: null, other: { publicAddress: second, privateAddress: address('10.1.1.20') } },
  });
  t.deepEqual(natFaults(change, index), []);
  t.deepEqual(service.check(document.full()), []);
});

test('settings are checked against each other and against entries that stay', (t) => {
  const document = base();
  const { index } = FilterState.of('ctest', document.view);
  const next = settings({ sourceNat: '203.0.113.3' });
  t.deepEqual(
    natFaults(document.edit({}, next), index).map(({ path }) => path),
    ['nat.sourceNatAddress'],
  );
  const moved = settings();
  const elsewhere = { ...moved, nat: { ...moved.nat, guestNetwork: cidr('10.1.2.0/24') } };
  const paths = (change: Parameters<typeof service.check>[0]) => service.check(change).map(({ path }) => path);
  const change = document.edit({}, elsewhere);
  t.deepEqual(
    natFaults(change, index).map(({ path }) => path),
    [
      'nat.guestAddress',
      'nat.portForwards.old.privateAddress',
      'nat.portForwards.low.privateAddress',
      'nat.portForwards.high.privateAddress',
      'nat.staticNats.sn.privateAddress',
    ],
  );
  t.true(paths(change).includes('firewall.guestNetwork'));
  const { publicInterface, ...inside } = moved.nat;
  const { publicInterface: alsoGone, ...firewall } = moved.firewall;
  t.is(publicInterface, alsoGone);
  t.deepEqual(paths(new TestDocument({ ...moved, nat: inside, firewall }).full()), ['nat.sourceNatAddress']);
  const odd = { ...moved.nat, publicInterface: moved.nat.guestInterface, sourceNatAddress: address('10.1.1.9') };
  t.deepEqual(paths(new TestDocument({ ...moved, nat: odd }).full()), [
    'nat.publicInterface',
    'nat.sourceNatAddress',
    'firewall.publicInterface',
  ]);
  t.deepEqual(service.check({ ...document.edit({}), sections: new Set(['dns']) }), []);
});
