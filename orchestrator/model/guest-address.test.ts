import { cidrContains, cidrRange, type Ipv4Address, ipv4Add, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import { type GuestAddressSpace, nextGuestAddress, requestedGuestAddress } from './guest-address.ts';

const address = parseIpv4Address;
const space: GuestAddressSpace = {
  cidr: parseIpv4Cidr('10.1.1.0/29'),
  gateway: address('10.1.1.3'),
  startIp: null,
  endIp: null,
};

/** Takes addresses until there is none. */
function takeAll(from: GuestAddressSpace): Ipv4Address[] {
  const taken = new Set<Ipv4Address>();
  for (;;) {
    try {
      taken.add(nextGuestAddress(from, taken));
    } catch (error) {
      if (error instanceof ApiError && error.errorcode === 533) return [...taken];
      throw error;
    }
  }
}

test('addresses are given from after the gateway, then from before it, then none', (t) => {
  t.deepEqual(takeAll(space), ['10.1.1.4', '10.1.1.5', '10.1.1.6', '10.1.1.1', '10.1.1.2'].map(address));
});

test('a range narrows what is given', (t) => {
  const narrowed = { ...space, startIp: address('10.1.1.2'), endIp: address('10.1.1.4') };
  t.deepEqual(takeAll(narrowed), ['10.1.1.4', '10.1.1.2'].map(address));
});

test('an address that is asked for is given where it may be', (t) => {
  const taken = new Set([address('10.1.1.5')]);
  t.is(requestedGuestAddress(space, taken, address('10.1.1.6'), 'ipaddress'), address('10.1.1.6'));
  const refused = (text: string) =>
    t.throws(() => requestedGuestAddress(space, taken, address(text), 'ipaddress'), { instanceOf: ApiError }).errorcode;
  t.is(refused('10.1.1.3'), 431);
  t.is(refused('10.1.1.0'), 431);
  t.is(refused('10.1.1.7'), 431);
  t.is(refused('10.1.2.4'), 431);
  t.is(refused('10.1.1.5'), 431);
});

test('no address is given twice, and none that a guest must not have', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 30 }), fc.nat(253), (prefixLength, offset) => {
        const cidr = parseIpv4Cidr(`10.9.9.0/${prefixLength}`);
        const { first, last } = cidrRange(cidr);
        const size = 2 ** (32 - prefixLength);
        const gateway = ipv4Add(first, 1 + (offset % (size - 2)));
        const given = takeAll({ cidr, gateway, startIp: null, endIp: null });
        return (
          given.length === size - 3 &&
          new Set(given).size === given.length &&
          given.every((each) => cidrContains(cidr, each) && each !== gateway && each !== first && each !== last)
        );
      }),
    ),
  );
});
