import test from 'ava';
import { readConfiguration } from './configuration.ts';
import { readFragment, writeFragment } from './fragment.ts';

const ticket = 'A'.repeat(42).concat('_');

test('a fragment gives the ticket, the proxy, the further token and the mode', (t) => {
  t.deepEqual(readFragment(`#ticket=${ticket}&proxy=p1&extra=a%20b&mode=watch`), {
    ticket,
    proxy: 'p1',
    extra: 'a b',
    mode: 'watch',
  });
});

test('what is not known or too long is left out', (t) => {
  const read = readFragment(`#ticket=${ticket}&mode=root&extra=${'x'.repeat(256)}&socket=ws://evil.example`);
  t.deepEqual(read, { ticket, proxy: null, extra: null, mode: null });
});

for (const fragment of [
  '',
  '#',
  '#ticket=',
  `#ticket=${ticket}x`,
  '#ticket=%00',
  `#Ticket=${ticket}`,
  `#ticket=${ticket.slice(1)}+`,
]) {
  test(`${JSON.stringify(fragment)} holds no ticket`, (t) => {
    t.is(readFragment(fragment), null);
  });
}

test('what is written is read', (t) => {
  const opening = { ticket, proxy: 'p&1', mode: 'control' } as const;
  t.deepEqual(readFragment(writeFragment(opening)), { ...opening, extra: null });
});

test('data of the page that is not whole is none', (t) => {
  const whole = { zone: 'z', extra: false, proxies: [{ id: 'p1', socket: 'ws://192.0.2.1:8080/websockify' }] };
  t.deepEqual(readConfiguration(JSON.stringify(whole)), whole);
  for (const text of [
    null,
    '',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...whole, proxies: [{}] }),
    JSON.stringify({ ...whole, extra: 'no' }),
  ]) {
    t.is(readConfiguration(text), null, String(text));
  }
});
