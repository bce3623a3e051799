import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { forEachLimited, KeyedLock } from './keyed-lock.ts';

test('work with one key runs in turn, also after a failure; other keys run beside it', async (t) => {
  const lock = new KeyedLock();
  const events: string[] = [];
  const work = (name: string, ms: number) => async () => {
    events.push(`${name} begins`);
    await sleep(ms);
    events.push(`${name} ends`);
    if (name === 'a1') throw new Error('a1 fails');
  };
  const first = lock.run('a', work('a1', 30));
  const second = lock.run('a', work('a2', 1));
  const other = lock.run('b', work('b', 1));
  await t.throwsAsync(first, { message: 'a1 fails' });
  await Promise.all([second, other]);
  t.deepEqual(
    events.filter((event) => event.startsWith('a')),
    ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends'],
  );
  t.true(events.indexOf('b ends') < events.indexOf('a1 ends'));
  await lock.idle();
});

test('at most so many run at once, all of them run, and a failure is told at the end', async (t) => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const all = forEachLimited([1, 2, 3, 4, 5], 2, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await sleep(5);
    running -= 1;
    done.push(item);
    if (item === 2) throw new Error('two');
  });
  await t.throwsAsync(all, { message: 'two' });
  t.is(most, 2);
  t.is(done.length, 5);
});
