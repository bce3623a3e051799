import { parseIpv4Cidr } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { assertGolden } from './golden.ts';
import { ipSetTransaction, parseIpSetSave, renderIpSet, setMembers } from './ipset.ts';
import type { IpSet } from './model.ts';
import { IptablesTextError } from './parse.ts';
import { anyCidr } from './testing.ts';
import { validateIpSet } from './validate.ts';

function set(name: string, type: IpSet['type'], ...members: string[]): IpSet {
  return { name, type, members: setMembers(members.map(parseIpv4Cidr)) };
}

const before = [
  set('changed', 'hash:net', '10.0.0.0/8'),
  set('gone', 'hash:ip', '1.2.3.4/32'),
  set('kept', 'hash:net', '1.0.0.0/8', '2.0.0.0/8'),
];
const after = [
  set('changed', 'hash:net', '10.0.0.0/9', '0.0.0.0/0'),
  { ...set('kept', 'hash:net'), members: ['2.0.0.0/8', '1.0.0.0/8'].map(parseIpv4Cidr) },
  set('new', 'hash:ip', '9.9.9.9/32'),
];

test('golden: sets', (t) => {
  assertGolden(t, 'sets.ipset', before.map(renderIpSet).join(''));
});

test('golden: what turns sets into others', (t) => {
  const { stage, swap, destroy, discard } = ipSetTransaction(before, after);
  assertGolden(t, 'stage.ipset', stage);
  t.is(swap, 'swap changed~n changed\ndestroy changed~n\n');
  t.is(destroy, 'destroy gone\n');
  t.is(discard, 'destroy new\ndestroy changed~n\n');
});

test('the same sets in another order need nothing', (t) => {
  const nothing = { stage: '', swap: '', destroy: '', discard: '' };
  t.deepEqual(ipSetTransaction(before, [...before].reverse()), nothing);
});

test('a set cannot change its type under one name', (t) => {
  t.throws(() => ipSetTransaction([set('a', 'hash:ip')], [set('a', 'hash:net')]), { message: /hash:ip to hash:net/ });
});

test('parse gives back what render wrote', (t) => {
  const sets = fc.record({
    name: fc.constantFrom('a', 'B-1', 'x.y_z'),
    type: fc.constantFrom('hash:net' as const, 'hash:ip' as const),
    members: fc.array(anyCidr).map(setMembers),
  });
  fc.assert(
    fc.property(sets, (one) => {
      t.deepEqual(parseIpSetSave(renderIpSet(one)), [one]);
    }),
  );
});

test('members are sorted, told once, and fit a set', (t) => {
  fc.assert(
    fc.property(fc.array(anyCidr), (cidrs) => {
      const members = setMembers([...cidrs, ...cidrs]);
      t.deepEqual(validateIpSet({ name: 's', type: 'hash:net', members }), []);
      t.deepEqual(setMembers([...members].reverse()), members);
    }),
  );
  t.deepEqual(
    setMembers(['9.0.0.0/8', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.0/32'].map(parseIpv4Cidr)) as readonly string[],
    ['0.0.0.0/1', '9.0.0.0/8', '10.0.0.0/32', '10.0.0.0/8', '128.0.0.0/1'],
  );
});

const refused: readonly [string, RegExp][] = [
  ['create a hash:mac', /expected create of hash:net/],
  ['create a hash:net\ncreate a hash:net', /there twice/],
  ['create a/b hash:net', /no set name/],
  ['add a 1.2.3.4', /not created before/],
  ['create a hash:net\nadd a 1.2.3.4 timeout 3', /expected create/],
  ['create a hash:net\nadd a host', /expected an IPv4 CIDR/],
];

for (const [text, reason] of refused) {
  test(`refuses ${text.replaceAll('\n', '; ')}`, (t) => {
    t.throws(() => parseIpSetSave(text), { instanceOf: IptablesTextError, message: reason });
  });
}
