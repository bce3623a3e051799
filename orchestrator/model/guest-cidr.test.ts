import { cidrContains, cidrRange, netmaskOf, parseIpv4Address, parseIpv4Cidr, prefixLengthOf } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import { type GuestCidrRequest, guestCidr } from './guest-cidr.ts';

const address = parseIpv4Address;
const zone = { zoneGuestCidr: parseIpv4Cidr('10.1.1.0/24'), publicRanges: [] };

test("without a gateway the zone's guest CIDR is taken, its first address the gateway", (t) => {
  t.deepEqual(guestCidr(zone), { cidr: parseIpv4Cidr('10.1.1.0/24'), gateway: address('10.1.1.1'), guests: null });
});

test('gateway and netmask make the CIDR', (t) => {
  const request = { ...zone, gateway: address('172.16.5.9'), netmask: address('255.255.255.248') };
  t.is(guestCidr(request).cidr, parseIpv4Cidr('172.16.5.8/29'));
});

test('a range within the CIDR is kept; a single address is a range of its own', (t) => {
  const request = { ...zone, gateway: address('10.2.0.1'), netmask: address('255.255.0.0') };
  t.deepEqual(guestCidr({ ...request, startip: address('10.2.9.1') }).guests, {
    first: address('10.2.9.1'),
    last: address('10.2.9.1'),
  });
});

const refusals: readonly (readonly [string, Partial<GuestCidrRequest>, RegExp])[] = [
  ['netmask alone', { netmask: address('255.255.255.0') }, /parameter netmask.*gateway/],
  ['gateway alone', { gateway: address('10.2.0.1') }, /parameter netmask/],
  ['a netmask with a hole', { gateway: address('10.2.0.1'), netmask: address('255.0.255.0') }, /parameter netmask/],
  ['a network of two', { gateway: address('10.2.0.1'), netmask: address('255.255.255.254') }, /parameter netmask/],
  ['the network address', { gateway: address('10.2.0.0'), netmask: address('255.255.0.0') }, /parameter gateway/],
  ['the broadcast address', { gateway: address('10.2.255.255'), netmask: address('255.255.0.0') }, /parameter gateway/],
  ['a public network', { gateway: address('198.51.100.1'), netmask: address('255.255.255.0') }, /RFC 1918/],
  ['more than a private network', { gateway: address('192.168.0.1'), netmask: address('255.0.0.0') }, /RFC 1918/],
  [
    'a range backwards',
    {
      gateway: address('10.2.0.1'),
      netmask: address('255.255.0.0'),
      startip: address('10.2.0.9'),
      endip: address('10.2.0.8'),
    },
    /parameter endip/,
  ],
  [
    "the zone's public addresses",
    {
      gateway: address('10.2.0.1'),
      netmask: address('255.255.0.0'),
      publicRanges: [{ first: address('10.2.3.1'), last: address('10.2.3.9') }],
    },
    /public addresses/,
  ],
];
for (const [name, request, message] of refusals) {
  test(`refused: ${name}`, (t) => {
    const error = t.throws(() => guestCidr({ ...zone, ...request }), { instanceOf: ApiError, message });
    t.is(error.errorcode, 431);
  });
}

test('whatever the gateway and prefix, an accepted CIDR holds the gateway as a host address', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.nat(0xffffff), fc.integer({ min: 8, max: 30 }), (host, prefixLength) => {
        const bytes = [10, host >>> 16, (host >>> 8) & 255, host & 255];
        const gateway = address(bytes.join('.'));
        let made: ReturnType<typeof guestCidr>;
        try {
          made = guestCidr({ ...zone, gateway, netmask: netmaskOf(prefixLength) });
        } catch (error) {
          return error instanceof ApiError && error.message.includes('parameter gateway');
        }
        const { first, last } = cidrRange(made.cidr);
        return (
          prefixLengthOf(made.cidr) === prefixLength &&
          cidrContains(made.cidr, gateway) &&
          gateway !== first &&
          gateway !== last
        );
      }),
    ),
  );
});
