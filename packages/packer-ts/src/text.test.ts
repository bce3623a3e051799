import test from 'ava';
import fc from 'fast-check';
import { nasty } from './testing.ts';
import { join, literal, type PackerText, packer, user, variablesOf } from './text.ts';

test('what Packer would run is no text', (t) => {
  for (const value of ['{{', 'a{{user `x`}}', '{{{', 'a\0b', '\ud800'])
    t.throws(() => literal(value), { instanceOf: TypeError });
  for (const name of ['', 'A', '1a', 'a b', 'a`}}', 'a'.repeat(65)])
    t.throws(() => user(name), { instanceOf: TypeError });
  t.throws(() => join(literal('{'), user('x')), { instanceOf: TypeError });
  t.throws(() => join(literal('{'), literal(''), literal('{')), { instanceOf: TypeError });
  t.is<string, string>(
    packer`file:${user('images')}/{a}/${user('role')}`,
    'file:{{user `images`}}/{a}/{{user `role`}}',
  );
  t.deepEqual(variablesOf(packer`${user('one')}-${user('two')}`), ['one', 'two']);
});

test('pieces either make text without an action that nobody wrote, or are refused', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(nasty, fc.constant('{'), fc.constant('}')), { maxLength: 6 }), (values) => {
      let text: PackerText;
      try {
        text = join(...values.map((value, index) => (index % 2 === 0 ? literal(value) : user('v'))));
      } catch (error) {
        t.true(error instanceof TypeError);
        return;
      }
      const odd = values.filter((_, index) => index % 2 === 1);
      t.is(text.split('{{user `v`}}').length - 1, odd.length);
      t.false(text.replaceAll('{{user `v`}}', '').includes('{{'));
    }),
  );
});
