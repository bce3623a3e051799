import { parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { addingLines, removingLines } from './public-network.ts';

const wanted = {
  publicAddress: parseIpv4Address('203.0.113.20'),
  prefixLength: 24,
  gateway: parseIpv4Address('203.0.113.1'),
};
const right = {
  isUp: true,
  addresses: ['203.0.113.20/24'],
  defaultRoutes: [{ gateway: '203.0.113.1', dev: 'eth2' }],
};

test('a NIC that is as it should be is left alone', (t) => {
  t.deepEqual([addingLines(right, wanted), removingLines(right, wanted)], [[], []]);
});

test('what is absent is added, the route last', (t) => {
  t.deepEqual(addingLines({ isUp: false, addresses: [], defaultRoutes: [] }, wanted), [
    'address add 203.0.113.20/24 dev eth2',
    'link set dev eth2 up',
    'route replace default via 203.0.113.1 dev eth2',
  ]);
});

test('what the document does not have goes', (t) => {
  const found = {
    isUp: true,
    addresses: ['203.0.113.9/24', '203.0.113.20/25', '203.0.113.20/24'],
    defaultRoutes: [{ gateway: '203.0.113.1', dev: 'eth1' }, { dev: 'eth2' }, ...right.defaultRoutes],
  };
  t.deepEqual(addingLines(found, wanted), []);
  t.deepEqual(removingLines(found, wanted), [
    'address del 203.0.113.9/24 dev eth2',
    'address del 203.0.113.20/25 dev eth2',
    'route del default via 203.0.113.1 dev eth1',
    'route del default dev eth2',
  ]);
});
