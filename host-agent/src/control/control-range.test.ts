import {
  cidrContains,
  cidrRange,
  cidrsOverlap,
  type Ipv4Address,
  ipv4ToNumber,
  parseIpv4Address,
  parseIpv4Cidr,
} from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { chooseControlRange, freeAddress, freeMacAddress, gatewayOf } from './control-range.ts';

const linkLocal = parseIpv4Cidr('169.254.0.0/16');
const nowhere = parseIpv4Cidr('10.0.0.0/8');

test('a range is link-local, whole, never the metadata service and never one that the host is in', (t) => {
  const taken = fc.array(fc.integer({ min: 1, max: 62 }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.string(), taken, (seed, thirds) => {
      const others = [nowhere, ...thirds.map((third) => parseIpv4Cidr(`169.254.${third * 4}.0/24`))];
      const range = chooseControlRange(seed, others);
      t.true(range.endsWith('/22') && cidrContains(linkLocal, cidrRange(range).first));
      t.false(cidrContains(range, parseIpv4Address('169.254.169.254')));
      t.false(others.some((other) => cidrsOverlap(range, other)));
      t.false(['169.254.0.0/24', '169.254.255.0/24'].some((text) => cidrsOverlap(range, parseIpv4Cidr(text))));
    }),
  );
  t.throws(() => chooseControlRange('any', [linkLocal]), { message: /expected a free \/22/ });
});

test('the same seed gives the same range', (t) => {
  t.is(chooseControlRange('ab12:host', [nowhere]), chooseControlRange('ab12:host', [nowhere]));
});

test('addresses are given once, lowest first, without the network, the host and the broadcast address', (t) => {
  const range = parseIpv4Cidr('169.254.8.0/22');
  t.is(gatewayOf(range), parseIpv4Address('169.254.8.1'));
  const taken = new Set<Ipv4Address>();
  for (let count = 0; count < 1021; count += 1) taken.add(freeAddress(range, taken));
  t.is(taken.size, 1021);
  t.false(['169.254.8.0', '169.254.8.1', '169.254.11.255'].some((text) => taken.has(parseIpv4Address(text))));
  t.is(
    Math.max(...[...taken].map((address) => ipv4ToNumber(address))),
    ipv4ToNumber(parseIpv4Address('169.254.11.254')),
  );
  t.throws(() => freeAddress(range, taken), { message: /every one is taken/ });
});

test('a MAC address is locally administered, unicast, and nobody else has it', (t) => {
  const first = freeMacAddress('ab12:a', new Set());
  t.regex(first, /^06:/);
  t.not(freeMacAddress('ab12:a', new Set([first])), first);
});
