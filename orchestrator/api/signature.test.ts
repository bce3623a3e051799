import { createHmac } from 'node:crypto';
import { sign } from '@isthmus/api-client';
import test from 'ava';
import fc from 'fast-check';
import { readCall } from './call.ts';
import { isFresh, isSignedBy, signedTexts } from './signature.ts';

const secret = 'VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ';

test("the example of CloudStack's documentation", (t) => {
  // docs.cloudstack.apache.org, developersguide/dev: "How to sign an API call with Python".
  const call = readCall(
    'apikey=plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAiLqzzq1ElZLYq_u38zCm0bewzGUdP66mg&command=listUsers&response=json',
    '',
  );
  t.is(
    createHmac('sha1', secret)
      .update(signedTexts(call)[0] ?? '')
      .digest('base64'),
    'TTpdDq/7j/J58XCRHomKoQXEQds=',
  );
});

test('both orders of names are taken, and no other text', (t) => {
  const call = readCall('command=x&Zone=1&apiKey=k&zeta=2', '');
  const [spelled = '', lowered = ''] = signedTexts(call);
  t.is(spelled, 'zone=1&apikey=k&command=x&zeta=2');
  t.is(lowered, 'apikey=k&command=x&zeta=2&zone=1');
  for (const text of [spelled, lowered]) {
    t.true(isSignedBy(call, createHmac('sha1', secret).update(text).digest('base64'), secret));
  }
  t.false(isSignedBy(call, createHmac('sha1', secret).update('command=x').digest('base64'), secret));
  t.false(isSignedBy(call, '', secret));
});

test('values are encoded as Java does: * stays, space is %20, the tilde as the client has it', (t) => {
  const call = readCall(`command=x&v=${encodeURIComponent("a b*c~d!'()/ü")}`, '');
  t.deepEqual(signedTexts(call), [
    'command=x&v=a%20b*c%7ed%21%27%28%29%2f%c3%bc',
    'command=x&v=a%20b*c~d%21%27%28%29%2f%c3%bc',
  ]);
});

test('any call that a client signs is taken, and none with another value', (t) => {
  const names = fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9.[\]]{0,9}$/)
    .filter((name) => name.toLowerCase() !== 'signature');
  const property = fc.property(fc.dictionary(names, fc.string({ unit: 'grapheme' })), (values) => {
    const lowered = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value.toWellFormed()]));
    const parameters = new Map([...lowered, ['command', 'listZones']]);
    const query = new URLSearchParams([...parameters]).toString();
    const signature = sign(parameters, secret);
    const call = readCall(query, '');
    const tampered = readCall(query.replace('listZones', 'listHosts'), '');
    return isSignedBy(call, signature, secret) && !isSignedBy(tampered, signature, secret);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 300 }));
});

const now = Date.parse('2026-11-21T09:00:00Z');

for (const [expires, fresh] of [
  ['2026-11-21T09:10:00+0000', true],
  ['2026-11-21T09:10:00 0000', true],
  ['2026-11-21T09:10:00Z', true],
  ['2026-11-21T10:10:00+0100', true],
  ['2026-11-21T08:59:59+0000', false],
  ['2026-11-21T09:10:00+0100', false],
  ['2026-11-21', false],
  ['soon', false],
  ['', false],
] as const) {
  test(`version 3 with expires ${JSON.stringify(expires)} is ${fresh ? 'taken' : 'refused'}`, (t) => {
    t.is(isFresh(readCall(`signatureVersion=3&expires=${encodeURIComponent(expires)}`, ''), now), fresh);
  });
}

test('version 3 without expires is refused, version 2 needs none', (t) => {
  t.false(isFresh(readCall('signatureVersion=3', ''), now));
  t.true(isFresh(readCall('command=x', ''), now));
});
