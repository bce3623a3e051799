import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { isFqdn, isHostname, isInterfaceName, parseFqdn, parseHostname, parseInterfaceName } from './names.ts';

const refused = { instanceOf: InvalidValueError };

test('host and domain names become lower case', (t) => {
  t.is(parseHostname('Web-1'), 'web-1' as never);
  t.is(parseFqdn('CS1.Example.org'), 'cs1.example.org' as never);
  t.is(parseHostname('3com'), '3com' as never);
});

test('host names end at 63 characters, domain names at 253, interface names at 15', (t) => {
  t.true(isHostname('a'.repeat(63)));
  t.false(isHostname('a'.repeat(64)));
  const longest = `${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(61)}`;
  t.is(longest.length, 253);
  t.true(isFqdn(longest));
  t.false(isFqdn(`${longest}a`));
  t.true(isInterfaceName('e'.repeat(15)));
  t.false(isInterfaceName('e'.repeat(16)));
});

// The Kelvin sign and the long s have ASCII letters for lower or upper case.
const bad = ['', '-a', 'a-', 'a_b', 'a b', 'a\n', 'a"', 'ä', '\u212a', '\u017f', 'a\0', 'a,b', 'a#b'];

for (const text of [...bad, 'a.b']) {
  test(`refuses the host name ${JSON.stringify(text)}`, (t) => {
    t.false(isHostname(text));
    t.throws(() => parseHostname(text), refused);
  });
}

for (const text of [...bad, '.', 'a.', '.a', 'a..b', 'a.-b', '10.0.0.1', `${'a'.repeat(64)}.b`]) {
  test(`refuses the domain name ${JSON.stringify(text)}`, (t) => {
    t.false(isFqdn(text));
    t.throws(() => parseFqdn(text), refused);
  });
}

for (const text of ['', '.', '..', '-a', '_a', 'a/b', 'a b', 'a\n', 'ä', 'a:0', 'eth+', 'a%b', '\u212a']) {
  test(`refuses the interface name ${JSON.stringify(text)}`, (t) => {
    t.false(isInterfaceName(text));
    t.throws(() => parseInterfaceName(text), refused);
  });
}

test('no name that is taken holds anything but its own few characters', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.domain()), (text) => {
      t.true(!isHostname(text) || /^[a-z0-9-]{1,63}$/.test(parseHostname(text)));
      t.true(!isFqdn(text) || /^[a-z0-9.-]{1,253}$/.test(parseFqdn(text)));
      t.true(!isInterfaceName(text) || /^[A-Za-z0-9._-]{1,15}$/.test(parseInterfaceName(text)));
    }),
  );
});
