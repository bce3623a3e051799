import test from 'ava';
import { Retries } from './retries.ts';

test('the first attempt is at once, later ones after growing pauses of at most a minute', (t) => {
  let now = 0;
  const retries = new Retries(() => now);
  const pauses: number[] = [];
  t.true(retries.isDue('a'));
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    t.is(retries.begin('a'), attempt);
    const began = now;
    while (!retries.isDue('a')) now += 500;
    pauses.push(now - began);
  }
  t.deepEqual(pauses, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  t.true(retries.isDue('b'));
});

test('attempts are forgotten once it has run for a minute, or when someone orders something', (t) => {
  let now = 0;
  const retries = new Retries(() => now);
  retries.begin('a');
  now = 59_000;
  t.false(retries.settle('a'));
  now = 60_000;
  t.true(retries.settle('a'));
  t.is(retries.attempts('a'), 0);
  retries.begin('a');
  retries.forget('a');
  t.true(retries.isDue('a'));
});
