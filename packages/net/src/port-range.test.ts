import test from 'ava';
import fc from 'fast-check';
import { InvalidValueError } from './invalid-value.ts';
import { formatPortRange, parsePortRange, portRange, portRangesOverlap } from './port-range.ts';

const port = fc.integer({ min: 1, max: 65535 });
const range = fc.tuple(port, port).map(([a, b]) => portRange(Math.min(a, b), Math.max(a, b)));

test('parse gives back what format wrote', (t) => {
  fc.assert(
    fc.property(range, (r) => {
      t.deepEqual(parsePortRange(formatPortRange(r)), r);
    }),
  );
  t.is(formatPortRange(portRange(80)), '80');
  t.is(formatPortRange(portRange(80, 90)), '80:90');
  t.deepEqual(parsePortRange('80:80'), portRange(80));
});

test('ranges overlap exactly where they share a port', (t) => {
  const small = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat({ max: 4 })).map(([a, n]) => portRange(a, a + n));
  fc.assert(
    fc.property(small, small, (a, b) => {
      let shared = false;
      for (let p = a.first; p <= a.last; p += 1) shared ||= p >= b.first && p <= b.last;
      t.is(portRangesOverlap(a, b), shared);
    }),
  );
});

for (const text of [
  '',
  ':',
  '0',
  '65536',
  '080',
  '80:',
  ':80',
  '80:79',
  '1:2:3',
  '80-90',
  ' 80',
  '80\n',
  '-1',
  '1e3',
  '0x50',
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.throws(() => parsePortRange(text), { instanceOf: InvalidValueError });
  });
}

test('numbers that make no range are refused', (t) => {
  for (const [first, last] of [
    [0, 1],
    [2, 1],
    [1, 65536],
    [1.5, 2],
    [1, Number.NaN],
  ] as const) {
    t.throws(() => portRange(first, last), { instanceOf: InvalidValueError, message: /port range within 1 to 65535/ });
  }
});
