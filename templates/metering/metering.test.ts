import { readFile, writeFile } from 'node:fs/promises';
import type { RouterDocument } from '@isthmus/contract';
import test from 'ava';
import { meteringOf, readMetering, renderMetering } from './index.ts';

const document = {
  settings: {
    routing: {
      interfaces: [
        { name: 'eth0', role: 'guest', address: '10.1.1.1' },
        { name: 'eth2', role: 'public', address: '203.0.113.2' },
      ],
    },
    firewall: { guestNetwork: '10.1.1.0/24' },
  },
  entries: { 'routing.publicAddresses': new Map([['a', { address: '203.0.113.3' }]]) },
} as unknown as RouterDocument;

function changed(firewall: object): RouterDocument {
  return { ...document, settings: { ...document.settings, firewall } } as unknown as RouterDocument;
}

test('the public NIC and every further address are counted; networks only where guests keep their addresses', (t) => {
  t.deepEqual(meteringOf(document), {
    publicInterface: 'eth2',
    addresses: ['203.0.113.2', '203.0.113.3'],
    networks: [],
  } as unknown as ReturnType<typeof meteringOf>);
  const both = meteringOf(
    changed({ guestNetwork: '198.18.0.0/24', isRouted: true, guestNetworkIpv6: '2001:db8:1::/64' }),
  );
  t.deepEqual(
    both.networks.map(({ family, cidr }) => `${family} ${cidr}`),
    ['ip 198.18.0.0/24', 'ip6 2001:db8:1::/64'],
  );
});

test('a router without a public NIC counts nothing', (t) => {
  const inside = { ...document, settings: { ...document.settings, routing: { interfaces: [] } } };
  const metering = meteringOf(inside as unknown as RouterDocument);
  t.is(metering.publicInterface, null);
  t.false(renderMetering('ab12-metering', metering, null).includes('add rule'));
});

test('the text is the golden file', async (t) => {
  const metering = meteringOf(
    changed({ guestNetwork: '10.1.1.0/24', isRouted: true, guestNetworkIpv6: '2001:db8:1::/64' }),
  );
  const text = renderMetering('ab12-metering', metering, '0011223344556677');
  const golden = new URL('./golden/routed-and-dual-stack.nft', import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
  t.is(text, await readFile(golden, 'utf8'));
});

test('a table without its epoch is not read as zero', (t) => {
  t.is(readMetering('{"nftables": [{"set": {"name": "sent"}}]}'), null);
});
