import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { compareIpv4, ipv4Add, ipv4FromNumber, ipv4ToNumber, isIpv4Address, parseIpv4Address } from './ipv4.ts';

const number = fc.nat({ max: 0xffffffff });
const refused = { instanceOf: InvalidValueError };

test('every number is an address, and back', (t) => {
  fc.assert(
    fc.property(number, (n) => {
      const address = ipv4FromNumber(n);
      t.is(ipv4ToNumber(address), n);
      t.is(parseIpv4Address(address), address);
    }),
  );
  t.is(ipv4FromNumber(0), '0.0.0.0' as never);
  t.is(ipv4FromNumber(0xffffffff), '255.255.255.255' as never);
});

for (const text of [
  ...[
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.010',
    '0x1.2.3.4',
    '1.2.3.4/32',
    ' 1.2.3.4',
    '1.2.3.4\n',
  ],
  ...['1.2.3.-4', '1..3.4', '1.2.3.4a', '::1', '１.2.3.4', '10.1', '167772161'],
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.false(isIpv4Address(text));
    t.throws(() => parseIpv4Address(text), {
      ...refused,
      message: `${JSON.stringify(text)} is not valid: expected an IPv4 address such as 10.1.1.1`,
    });
  });
}

test('text that is taken has one spelling', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4()), (text) => {
      const isTaken = isIpv4Address(text);
      t.is(isTaken ? ipv4FromNumber(ipv4ToNumber(text)) : text, text);
    }),
  );
});

test('adding stays within the address space', (t) => {
  t.is(ipv4Add(parseIpv4Address('10.0.0.255'), 1), '10.0.1.0' as never);
  t.is(ipv4Add(parseIpv4Address('10.0.1.0'), -1), '10.0.0.255' as never);
  t.throws(() => ipv4Add(parseIpv4Address('255.255.255.255'), 1), refused);
  t.throws(() => ipv4Add(parseIpv4Address('0.0.0.0'), -1), refused);
  for (const n of [1.5, Number.NaN, 2 ** 32, -1]) t.throws(() => ipv4FromNumber(n), refused);
});

test('addresses are ordered by number, not by text', (t) => {
  const sorted = ['10.0.0.10', '9.255.255.255', '10.0.0.9', '200.0.0.1'].map(parseIpv4Address).sort(compareIpv4);
  t.deepEqual(sorted as string[], ['9.255.255.255', '10.0.0.9', '10.0.0.10', '200.0.0.1']);
});
