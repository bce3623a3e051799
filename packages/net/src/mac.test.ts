import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { isMacAddress, macFromNumber, parseMacAddress } from './mac.ts';

test('upper case becomes lower case', (t) => {
  t.is(parseMacAddress('02:00:4C:9F:00:01'), '02:00:4c:9f:00:01' as never);
});

test('every number has a MAC address of its own, locally administered', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), (number) => {
      const mac = macFromNumber(number);
      t.is(parseMacAddress(mac), mac);
      t.is(Number.parseInt(mac.slice(6).replaceAll(':', ''), 16), number);
      t.true(mac.startsWith('02:00:'));
    }),
  );
  for (const number of [-1, 2 ** 32, 0.5]) t.throws(() => macFromNumber(number), { instanceOf: InvalidValueError });
});

for (const text of [
  ...['', '02:00:4c:9f:00', '02:00:4c:9f:00:01:02', '02-00-4c-9f-00-01', '0200.4c9f.0001', '02:00:4c:9f:00:1'],
  ...[
    '02:00:4c:9f:00:0g',
    ' 02:00:4c:9f:00:01',
    '02:00:4c:9f:00:01\n',
    '00:00:00:00:00:00',
    'ff:ff:ff:ff:ff:ff',
    '01:00:5e:00:00:01',
  ],
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.false(isMacAddress(text));
    t.throws(() => parseMacAddress(text), { instanceOf: InvalidValueError, message: /expected a unicast MAC address/ });
  });
}
