import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { parseIpv6Address, parseIpv6Cidr } from './ipv6.ts';
import {
  compareIpv6,
  eui64Address,
  ipv6Add,
  ipv6CidrContains,
  ipv6CidrRange,
  ipv6CidrsOverlap,
  ipv6FromBigInt,
  ipv6Network,
  ipv6PrefixLengthOf,
  ipv6ReverseName,
  ipv6Subnet,
  ipv6ToBigInt,
  linkLocalAddressOf,
} from './ipv6-cidr.ts';
import { parseMacAddress } from './mac.ts';

const refused = { instanceOf: InvalidValueError };
const last = (1n << 128n) - 1n;
const address = fc.bigInt({ min: 0n, max: last }).map(ipv6FromBigInt);
const bits = fc.integer({ min: 0, max: 128 });
const cidr = fc.tuple(address, bits).map(([a, length]) => ipv6Network(a, length));

test('every number is an address, and back', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: last }), (number) => {
      const text = ipv6FromBigInt(number);
      t.is(ipv6ToBigInt(text), number);
      t.is(parseIpv6Address(text), text);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const canonical = parseIpv6Address(text);
      t.is(ipv6FromBigInt(ipv6ToBigInt(canonical)), canonical);
    }),
  );
  t.is(ipv6ToBigInt(parseIpv6Address('::')), 0n);
  t.is(ipv6FromBigInt(last), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' as never);
  for (const number of [-1n, last + 1n]) t.throws(() => ipv6FromBigInt(number), refused);
});

test('the network of an address is a CIDR that holds it and has the length asked for', (t) => {
  fc.assert(
    fc.property(address, bits, (a, length) => {
      const network = ipv6Network(a, length);
      t.is(parseIpv6Cidr(network), network);
      t.is(ipv6PrefixLengthOf(network), length);
      t.true(ipv6CidrContains(network, a));
      const range = ipv6CidrRange(network);
      t.is(ipv6ToBigInt(range.last) - ipv6ToBigInt(range.first) + 1n, 1n << BigInt(128 - length));
    }),
  );
});

test('a network holds an address exactly where it lies between its ends', (t) => {
  fc.assert(
    fc.property(cidr, fc.integer({ min: -2, max: 2 }), fc.boolean(), (network, offset, atEnd) => {
      const { first, last: end } = ipv6CidrRange(network);
      const number = ipv6ToBigInt(atEnd ? end : first) + BigInt(offset);
      fc.pre(number >= 0n && number <= last);
      t.is(
        ipv6CidrContains(network, ipv6FromBigInt(number)),
        number >= ipv6ToBigInt(first) && number <= ipv6ToBigInt(end),
      );
    }),
  );
});

test('two networks overlap exactly where one holds the other’s first address', (t) => {
  const near = fc.tuple(fc.bigInt({ min: 0n, max: 255n }), fc.integer({ min: 118, max: 128 }));
  fc.assert(
    fc.property(near, near, ([a, aBits], [b, bBits]) => {
      const [x, y] = [ipv6Network(ipv6FromBigInt(a), aBits), ipv6Network(ipv6FromBigInt(b), bBits)];
      const expected = ipv6CidrContains(x, ipv6CidrRange(y).first) || ipv6CidrContains(y, ipv6CidrRange(x).first);
      t.is(ipv6CidrsOverlap(x, y), expected);
    }),
  );
});

test('subnets follow each other, lie in their network, and end with it', (t) => {
  const site = parseIpv6Cidr('2001:db8::/48');
  t.is(ipv6Subnet(site, 64, 0), '2001:db8::/64' as never);
  t.is(ipv6Subnet(site, 64, 1), '2001:db8:0:1::/64' as never);
  t.is(ipv6Subnet(site, 64, 65_535), '2001:db8:0:ffff::/64' as never);
  t.is(ipv6Subnet(site, 48, 0), site);
  t.is(ipv6Subnet(parseIpv6Cidr('::/0'), 128, last), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128' as never);
  for (const [length, index] of [
    [64, 65_536],
    [64, -1],
    [47, 0],
    [129, 0],
    [48, 1],
  ] as const) {
    t.throws(() => ipv6Subnet(site, length, index), refused);
  }
});

test('a NIC’s own address is its MAC’s modified EUI-64 (RFC 4291, appendix A)', (t) => {
  const mac = parseMacAddress('34:56:78:9a:bc:de');
  t.is(eui64Address(parseIpv6Cidr('2001:db8:1::/64'), mac), '2001:db8:1:0:3656:78ff:fe9a:bcde' as never);
  t.is(linkLocalAddressOf(mac), 'fe80::3656:78ff:fe9a:bcde' as never);
  // CloudStack's MAC addresses are locally administered: the bit is turned off.
  t.is(linkLocalAddressOf(parseMacAddress('02:00:4c:9f:00:01')), 'fe80::4cff:fe9f:1' as never);
  t.throws(() => eui64Address(parseIpv6Cidr('2001:db8::/48'), mac), refused);
});

test('two MAC addresses have two addresses', (t) => {
  const mac = fc.tuple(fc.nat(255), fc.nat(0xffffff), fc.nat(0xffff)).map(([first, middle, end]) => {
    const digits = [(first & 0xfc) | 2, middle >>> 16, (middle >>> 8) & 255, middle & 255, end >>> 8, end & 255];
    return parseMacAddress(digits.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
  });
  fc.assert(fc.property(mac, mac, (a, b) => t.is(linkLocalAddressOf(a) === linkLocalAddressOf(b), a === b)));
});

test('adding stays within the address space, and order is by number', (t) => {
  t.is(ipv6Add(parseIpv6Address('2001:db8::ffff'), 1), '2001:db8::1:0' as never);
  t.throws(() => ipv6Add(parseIpv6Address('::'), -1), refused);
  const sorted = ['2001:db8::10', '2001:db8::9', '::1', 'fe80::1'].map(parseIpv6Address).sort(compareIpv6);
  t.deepEqual(sorted as string[], ['::1', '2001:db8::9', '2001:db8::10', 'fe80::1']);
});

test('the reverse name has a label for each digit (RFC 3596)', (t) => {
  t.is(
    ipv6ReverseName(parseIpv6Address('2001:db8::567:89ab')),
    'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
});
