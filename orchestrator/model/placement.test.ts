import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import {
  allocatorNamed,
  allocators,
  availableBytes,
  type Placement,
  type PlacementHost,
  place,
  reservedMemory,
} from './placement.ts';

const gibibyte = 2 ** 30;

function host(id: string, changes: Partial<PlacementHost> = {}): PlacementHost {
  return {
    id,
    podId: 'pod',
    name: id,
    state: 'Up',
    resourceState: 'Enabled',
    driver: 'libvirt',
    memoryBytes: 16 * gibibyte,
    memoryFreeBytes: null,
    reservedBytes: 0,
    startingBytes: 0,
    tunnelAddress: `192.0.2.${id.length}`,
    ...changes,
  };
}

function placement(changes: Partial<Placement> = {}): Placement {
  return {
    what: 'router r-1-VM',
    drivers: ['libvirt', 'namespace'],
    memoryBytes: { libvirt: gibibyte, namespace: 1 },
    reaches: [],
    excluded: new Set(),
    siblings: new Set(),
    ...changes,
  };
}

const firstFit = allocatorNamed('FirstFitByFreeMemory', 'vm.allocator');
const spread = allocatorNamed('Spread', 'router.allocator');

test('the host with the most memory that nobody was promised takes it', (t) => {
  const hosts = [
    host('full', { reservedBytes: 15.5 * gibibyte }),
    host('used', { reservedBytes: 8 * gibibyte }),
    host('free', { reservedBytes: 4 * gibibyte }),
    host('busy', { memoryFreeBytes: 2 * gibibyte }),
  ];
  t.is(place(hosts, placement(), firstFit).id, 'free');
});

test('what a host reports counts as much as what it promised, less what is starting there', (t) => {
  t.is(availableBytes(host('a', { reservedBytes: 1, memoryFreeBytes: 3 * gibibyte })), 3 * gibibyte);
  t.is(availableBytes(host('a', { memoryFreeBytes: 3 * gibibyte, startingBytes: gibibyte })), 2 * gibibyte);
  t.is(availableBytes(host('a', { reservedBytes: gibibyte })), 15 * gibibyte);
});

test('the preferred driver goes before free memory', (t) => {
  const hosts = [host('roomy', { driver: 'namespace' }), host('small', { memoryBytes: 2 * gibibyte })];
  t.is(place(hosts, placement(), firstFit).id, 'small');
  t.is(place(hosts, placement({ drivers: ['namespace', 'libvirt'] }), firstFit).id, 'roomy');
});

test('Spread keeps off the host of a sibling while another can take it', (t) => {
  const hosts = [host('a'), host('b', { memoryBytes: 4 * gibibyte })];
  const siblings = new Set(['a']);
  t.is(place(hosts, placement({ siblings }), spread).id, 'b');
  t.is(place(hosts, placement({ siblings }), firstFit).id, 'a');
  t.is(place([host('a')], placement({ siblings }), spread).id, 'a');
});

test('what shares a network is on one host, or on hosts with tunnels', (t) => {
  const alone = host('alone', { tunnelAddress: null });
  const hosts = [alone, host('b')];
  t.is(place(hosts, placement({ reaches: [alone] }), firstFit).id, 'alone');
  t.is(place(hosts, placement({ reaches: [host('c')] }), firstFit).id, 'b');
});

test('a placement that fails says of every host what it lacks', (t) => {
  const hosts = [
    host('h1', { state: 'Alert' }),
    host('h2', { resourceState: 'Maintenance' }),
    host('h3', { driver: null }),
    host('h4', { driver: 'namespace' }),
    host('h5', { memoryBytes: gibibyte, reservedBytes: gibibyte / 2 }),
    host('h6', { tunnelAddress: null }),
    host('h7'),
  ];
  const wanted = placement({ drivers: ['libvirt'], excluded: new Set(['h7']), reaches: [host('other')] });
  const error = t.throws(() => place(hosts, wanted, firstFit), { instanceOf: ApiError });
  t.is(error.errorcode, 533);
  t.is(
    error.message,
    'No host of the zone can take router r-1-VM: host h1 is in state Alert; host h2 is in resource state Maintenance; ' +
      'host h3 carries machines by nothing, and this needs libvirt; host h4 carries machines by namespace, and this ' +
      'needs libvirt; host h5 has 512 MiB free of the 1024 MiB that it needs; host h6 has no tunnel to host other, ' +
      'which carries others of its network; host h7 is excluded',
  );
  t.throws(() => place([], placement(), firstFit), { message: /the zone has no hosts: add one \(addHost\)/ });
});

test('an allocator is named as it is, or the setting is at fault', (t) => {
  t.throws(() => allocatorNamed('Random', 'vm.allocator'), {
    message: 'Setting vm.allocator is "Random": expected FirstFitByFreeMemory or Spread',
  });
});

test('a namespace reserves no memory of its offering', (t) => {
  t.true(reservedMemory('router', 512).namespace < 32 * 2 ** 20);
  t.true(reservedMemory('router', 512).libvirt > 512 * 2 ** 20);
});

const anyHost: fc.Arbitrary<PlacementHost> = fc
  .record({
    id: fc.uuid(),
    state: fc.constantFrom('Up', 'Up', 'Up', 'Down', 'Alert'),
    resourceState: fc.constantFrom('Enabled', 'Enabled', 'Disabled'),
    driver: fc.constantFrom('libvirt' as const, 'namespace' as const, null),
    memoryBytes: fc.integer({ min: 0, max: 8 * gibibyte }),
    memoryFreeBytes: fc.option(fc.integer({ min: 0, max: 8 * gibibyte })),
    reservedBytes: fc.integer({ min: 0, max: 4 * gibibyte }),
    tunnelAddress: fc.option(fc.constant('192.0.2.1')),
  })
  .map((changes) => host(changes.id, changes));

test('no allocator ever chooses a host that cannot take it, nor overlooks one that can', (t) => {
  const property = fc.property(
    fc.array(anyHost, { maxLength: 8 }),
    fc.array(anyHost, { maxLength: 2 }),
    fc.constantFrom(...allocators),
    (hosts, reaches, allocator) => {
      const wanted = placement({ reaches, siblings: new Set(hosts.slice(0, 1).map(({ id }) => id)) });
      const fits = (each: PlacementHost) =>
        each.state === 'Up' &&
        each.resourceState === 'Enabled' &&
        each.driver !== null &&
        availableBytes(each) >= wanted.memoryBytes[each.driver] &&
        reaches.every((other) => other.id === each.id || (other.tunnelAddress !== null && each.tunnelAddress !== null));
      const possible = hosts.filter(fits);
      if (possible.length === 0) t.throws(() => place(hosts, wanted, allocator), { instanceOf: ApiError });
      else t.true(fits(place(hosts, wanted, allocator)));
    },
  );
  fc.assert(property);
});
