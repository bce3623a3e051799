import { InvalidValueError } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { newPassword, parsePassword } from './password.ts';
import { combineUserData, parseUserData, parseUserDataParams } from './user-data.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const script = base64('#!/bin/sh\necho template\n');
const config = base64('#cloud-config\nruncmd: []\n');

test('every bytes come back, in whichever alphabet they were sent', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const plain = Buffer.from(bytes).toString('base64');
      for (const sent of [
        plain,
        plain.replace(/=+$/, ''),
        Buffer.from(bytes).toString('base64url'),
        plain.replaceAll('+', ' '),
      ]) {
        t.is(parseUserData(sent), plain);
      }
    }),
  );
});

for (const wrong of ['a', 'aaaaa', '{}', 'aGVsbG8=x', 'aGVsbG8===', 'aGVs\nbG8=', 'ümlaut', '#!/bin/sh']) {
  test(`${JSON.stringify(wrong)} is no Base64`, (t) => {
    t.throws(() => parseUserData(wrong), { instanceOf: InvalidValueError });
  });
}

test("a template's user data, and an instance's own", (t) => {
  t.is(combineUserData(null, null), null);
  t.is(combineUserData(null, config), config);
  t.is(combineUserData({ data: script, policy: 'DENYOVERRIDE' }, null), script);
  t.is(combineUserData({ data: script, policy: 'ALLOWOVERRIDE' }, config), config);
  t.throws(() => combineUserData({ data: script, policy: 'DENYOVERRIDE' }, config), { instanceOf: InvalidValueError });
  const both = Buffer.from(combineUserData({ data: script, policy: 'APPEND' }, config) ?? '', 'base64').toString();
  t.regex(both, /^Content-Type: multipart\/mixed/);
  t.true(both.indexOf('text/x-shellscript') < both.indexOf('text/cloud-config'));
  t.throws(() => combineUserData({ data: script, policy: 'APPEND' }, base64('plain words')), {
    instanceOf: InvalidValueError,
  });
});

test('variables are plain words', (t) => {
  t.is(parseUserDataParams('one, two'), 'one,two');
  for (const wrong of ['', 'a,,b', 'a/b', '../x', 'a b', '1a', '__proto__/x']) {
    t.throws(() => parseUserDataParams(wrong), { instanceOf: InvalidValueError }, wrong);
  }
});

test('passwords have the length that is asked for, a letter of each kind and a digit', (t) => {
  const all = new Set(Array.from({ length: 500 }, () => newPassword(12)));
  t.is(all.size, 500);
  for (const password of all) t.regex(password, /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[a-zA-Z2-9]{12}$/);
  for (const wrong of ['', 'short', 'with a space', 'line\nbreak', 'saved_password', 'ümlautümlaut']) {
    t.throws(() => parsePassword(wrong), { instanceOf: InvalidValueError }, wrong);
  }
});
