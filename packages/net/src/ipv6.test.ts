import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { isIpv6Address, isIpv6Cidr, parseIpv6Address, parseIpv6Cidr } from './ipv6.ts';

for (const [text, canonical] of [
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['::', '::'],
  ['::1', '::1'],
  ['fe80::1', 'fe80::1'],
] as const) {
  test(`${text} is ${canonical} (RFC 5952)`, (t) => {
    t.is(parseIpv6Address(text), canonical as never);
  });
}

test('the canonical text is its own canonical text', (t) => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const canonical = parseIpv6Address(text);
      t.is(parseIpv6Address(canonical), canonical);
      t.is(parseIpv6Cidr(`${text}/128`), `${canonical}/128` as never);
    }),
  );
});

for (const text of [
  '',
  ':',
  ':::',
  '1::2::3',
  '12345::',
  'fe80::1%eth0',
  '::1/128',
  '::g',
  ' ::1',
  '::1\n',
  '1.2.3.4',
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.false(isIpv6Address(text));
    t.throws(() => parseIpv6Address(text), { instanceOf: InvalidValueError, message: /expected an IPv6 address/ });
  });
}

test('a CIDR has no bits after its prefix and one spelling', (t) => {
  t.is(parseIpv6Cidr('2001:DB8::/32'), '2001:db8::/32' as never);
  t.is(parseIpv6Cidr('::/0'), '::/0' as never);
  t.true(isIpv6Cidr('2001:db8::/64'));
});

for (const text of [
  '2001:db8::1',
  '2001:db8::1/64',
  '::/129',
  '::/00',
  '::/-1',
  '::/',
  '/64',
  '::/1/1',
  '10.0.0.0/8',
  '::/64 ',
]) {
  test(`refuses the CIDR ${JSON.stringify(text)}`, (t) => {
    t.false(isIpv6Cidr(text));
    t.throws(() => parseIpv6Cidr(text), { instanceOf: InvalidValueError, message: /expected an IPv6 CIDR/ });
  });
}
