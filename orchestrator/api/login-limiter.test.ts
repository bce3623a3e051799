import test from 'ava';
import { createLoginLimiter } from './login-limiter.ts';

function openLimiter() {
  const clock = { now: 1_000_000 };
  return { clock, limiter: createLoginLimiter(() => clock.now) };
}

test('five failures are free, then the wait doubles up to a minute', (t) => {
  const { clock, limiter } = openLimiter();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 14; attempt += 1) {
    limiter.failed('a', '10.0.0.1');
    waits.push(limiter.waitMs('a', '10.0.0.1'));
    clock.now += waits.at(-1) ?? 0;
  }
  t.deepEqual(waits.slice(0, 7), [0, 0, 0, 0, 1_000, 2_000, 4_000]);
  t.is(waits.at(-1), 60_000);
});

test('another address and another name are not made to wait', (t) => {
  const { limiter } = openLimiter();
  for (let attempt = 0; attempt < 9; attempt += 1) limiter.failed('a', '10.0.0.1');
  t.true(limiter.waitMs('a', '10.0.0.1') > 0);
  t.is(limiter.waitMs('a', '10.0.0.2'), 0);
  t.is(limiter.waitMs('b', '10.0.0.1'), 0);
});

test('success and 15 quiet minutes forget the failures', (t) => {
  const { clock, limiter } = openLimiter();
  for (const name of ['a', 'b']) for (let attempt = 0; attempt < 9; attempt += 1) limiter.failed(name, 'x');
  limiter.succeeded('a', 'x');
  t.is(limiter.waitMs('a', 'x'), 0);
  clock.now += 15 * 60_000 + 1;
  t.is(limiter.waitMs('b', 'x'), 0);
});

test('at most 10,000 pairs are remembered', (t) => {
  const { limiter } = openLimiter();
  for (let attempt = 0; attempt < 9; attempt += 1) limiter.failed('first', 'x');
  for (let index = 0; index < 10_000; index += 1) limiter.failed(`n${index}`, 'x');
  t.is(limiter.waitMs('first', 'x'), 0);
});
