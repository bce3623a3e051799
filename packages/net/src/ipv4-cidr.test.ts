import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4Address } from './ipv4.ts';
import {
  cidrContains,
  cidrRange,
  cidrsOverlap,
  ipv4Network,
  isIpv4Cidr,
  netmaskOf,
  parseIpv4Cidr,
  prefixLengthOf,
  prefixLengthOfNetmask,
  rangesOverlap,
  reverseName,
} from './ipv4-cidr.ts';

const address = fc.nat({ max: 0xffffffff }).map(ipv4FromNumber);
const bits = fc.integer({ min: 0, max: 32 });
const cidr = fc.tuple(address, bits).map(([a, length]) => ipv4Network(a, length));

test('the network of an address is a CIDR that holds it and has the length asked for', (t) => {
  fc.assert(
    fc.property(address, bits, (a, length) => {
      const network = ipv4Network(a, length);
      t.is(parseIpv4Cidr(network), network);
      t.is(prefixLengthOf(network), length);
      t.true(cidrContains(network, a));
      const { first, last } = cidrRange(network);
      t.is(ipv4ToNumber(last) - ipv4ToNumber(first) + 1, 2 ** (32 - length));
    }),
  );
});

test('two CIDRs overlap exactly where one holds the other’s first address', (t) => {
  fc.assert(
    fc.property(cidr, cidr, (a, b) => {
      const expected = cidrContains(a, cidrRange(b).first) || cidrContains(b, cidrRange(a).first);
      t.is(cidrsOverlap(a, b), expected);
      t.is(rangesOverlap(cidrRange(b), cidrRange(a)), expected);
    }),
  );
});

test('the neighbours of a CIDR are outside it', (t) => {
  const network = parseIpv4Cidr('10.1.1.0/24');
  const holds = (text: string): boolean => cidrContains(network, parseIpv4Address(text));
  t.deepEqual(['10.1.0.255', '10.1.1.0', '10.1.1.255', '10.1.2.0'].map(holds), [false, true, true, false]);
  t.deepEqual(cidrRange(parseIpv4Cidr('0.0.0.0/0')) as object, { first: '0.0.0.0', last: '255.255.255.255' });
});

for (const text of [
  ...['10.1.1.1', '10.1.1.1/24', '10.1.1.0/33', '10.1.1.0/-1', '10.1.1.0/024', '10.1.1.0/', '/24', '10.1.1.0/24/24'],
  ...['10.1.1/24', '10.1.1.0/24 ', '10.1.1.0/24\n', '10.1.1.0/255.255.255.0', '0.0.0.1/0', '10.1.1.0/1e1', '::/0'],
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.false(isIpv4Cidr(text));
    t.throws(() => parseIpv4Cidr(text), { instanceOf: InvalidValueError, message: /expected an IPv4 CIDR/ });
  });
}

test('netmasks and prefix lengths are each other’s inverse', (t) => {
  for (let length = 0; length <= 32; length += 1) t.is(prefixLengthOfNetmask(netmaskOf(length)), length);
  t.is(netmaskOf(24), '255.255.255.0' as never);
  t.is(netmaskOf(0), '0.0.0.0' as never);
});

test('a netmask with holes is refused', (t) => {
  for (const text of ['255.0.255.0', '0.0.0.255', '255.255.255.1', '127.255.255.255', '255.255.255.253']) {
    t.throws(() => prefixLengthOfNetmask(parseIpv4Address(text)), {
      instanceOf: InvalidValueError,
      message: /netmask/,
    });
  }
});

test('the reverse name turns the parts around', (t) => {
  t.is(reverseName(parseIpv4Address('10.1.2.30')), '30.2.1.10.in-addr.arpa');
});
