import test from 'ava';
import fc from 'fast-check';
import {
  addressOf,
  bridgeMacAddress,
  guestBridgeName,
  isBridgeOf,
  isNamespaceOf,
  isPortOf,
  namespaceName,
  portName,
  publicBridgeName,
  shortId,
} from './names.ts';

const id = fc.oneof(fc.uuid(), fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/));
const kind = fc.constantFrom('r' as const, 'i' as const);

test('a UUID is shortened to its first eight digits, any other id to digits of its hash', (t) => {
  t.is(shortId('0a1b2c3d-1111-4222-8333-444455556666'), '0a1b2c3d');
  t.not(shortId('instance-1'), shortId('instance-2'));
  t.is(namespaceName('ab12', 'r', '0a1b2c3d-1111-4222-8333-444455556666'), 'ith-ab12-r-0a1b2c3d');
  t.is(portName('ab12', 'i', '0a1b2c3d-1111-4222-8333-444455556666', 2), 'ab12i0a1b2c3d2');
  t.is(guestBridgeName('ab12', 16_777_215), 'ab12n9zldr');
});

test('every name fits the kernel and is recognised by its own installation alone', (t) => {
  fc.assert(
    fc.property(
      id,
      kind,
      fc.integer({ min: 0, max: 7 }),
      fc.integer({ min: 1, max: 16_777_215 }),
      (of, what, index, vni) => {
        const port = portName('ab12', what, of, index);
        const bridges = [guestBridgeName('ab12', vni), publicBridgeName('ab12', of)];
        const namespace = namespaceName('ab12', what, of);
        t.true([port, ...bridges].every((name) => name.length <= 15));
        t.true(isPortOf('ab12', port) && isNamespaceOf('ab12', namespace));
        t.false(isPortOf('ab13', port) || isNamespaceOf('ab13', namespace));
        t.true(bridges.every((name) => isBridgeOf('ab12', name) && !isBridgeOf('ab13', name)));
        t.false(bridges.some((name) => isPortOf('ab12', name)) || isBridgeOf('ab12', port));
      },
    ),
  );
});

test("a bridge's MAC address is a unicast, locally administered one and follows from its name", (t) => {
  t.regex(bridgeMacAddress('ab12n1'), /^06(?::[0-9a-f]{2}){5}$/);
  t.is(bridgeMacAddress('ab12n1'), bridgeMacAddress('ab12n1'));
  t.not(bridgeMacAddress('ab12n1'), bridgeMacAddress('ab12n2'));
});

test('an address file gives an address or nothing', (t) => {
  t.is(addressOf('10.1.1.5\n'), '10.1.1.5');
  t.is(addressOf(''), null);
  t.is(addressOf(null), null);
  t.is(addressOf('10.1.1\n'), null);
});
