import test from 'ava';
import fc from 'fast-check';
import type { Link } from '../../wiring/links.ts';
import { assignPorts, tapMacAddress } from './taps.ts';

const id = '0a1b2c3d-1111-4111-8111-111111111111';

function mac(number: number): string {
  return `02:00:00:00:00:0${number}`;
}

function nics(...numbers: number[]) {
  return numbers.map((number) => ({ macAddress: mac(number) }));
}

function tap(name: string, number: number): Link {
  const macAddress = tapMacAddress(mac(number));
  return { name, index: 1, kind: 'tun', macAddress, peerIndex: null, bridge: null, up: true, carrier: true };
}

const chosen = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });

test('ports are called by the places of their NICs', (t) => {
  t.deepEqual(assignPorts('ab12', 'i', id, nics(4, 2), []), ['ab12i0a1b2c3d0', 'ab12i0a1b2c3d1']);
});

test('whatever NICs come and go, those that stay keep their ports, and no two share one', (t) => {
  fc.assert(
    fc.property(chosen, chosen, (before, after) => {
      const first = assignPorts('ab12', 'i', id, nics(...before), []);
      const links = first.map((name, place) => tap(name, before[place] ?? 0));
      const second = assignPorts('ab12', 'i', id, nics(...after), links);
      t.is(new Set(second).size, after.length);
      for (const [place, number] of after.entries()) {
        const held = before.indexOf(number);
        if (held >= 0) t.is(second[place], first[held]);
      }
    }),
  );
});

test("another machine's ports are none of its own", (t) => {
  t.deepEqual(assignPorts('ab12', 'i', id, nics(1), [tap('ab12i999999997', 1)]), ['ab12i0a1b2c3d0']);
});
