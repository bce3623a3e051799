import test from 'ava';
import { Coalescer } from './coalescer.ts';

/** Work that ends when told to. */
function manualWork() {
  const ends: (() => void)[] = [];
  let runs = 0;
  return {
    ends,
    runs: () => runs,
    work: (key: string) => {
      runs += 1;
      const run = runs;
      return new Promise<string>((resolve) => ends.push(() => resolve(`${key} ${run}`)));
    },
  };
}

test('requests that come while a run is under way share the next run', async (t) => {
  const { ends, runs, work } = manualWork();
  const coalescer = new Coalescer(work);
  const first = coalescer.request('a');
  const second = coalescer.request('a');
  const third = coalescer.request('a');
  ends[0]?.();
  t.is(await first, 'a 1');
  await new Promise(setImmediate);
  ends[1]?.();
  t.deepEqual(await Promise.all([second, third]), ['a 2', 'a 2']);
  t.is(runs(), 2);
});

test('a request after the last run starts a new one', async (t) => {
  const { ends, work } = manualWork();
  const coalescer = new Coalescer(work);
  const first = coalescer.request('a');
  ends[0]?.();
  await first;
  const second = coalescer.request('a');
  ends[1]?.();
  t.is(await second, 'a 2');
});

test('keys do not wait for each other', async (t) => {
  const { ends, work } = manualWork();
  const coalescer = new Coalescer(work);
  const a = coalescer.request('a');
  const b = coalescer.request('b');
  ends[1]?.();
  t.is(await b, 'b 2');
  ends[0]?.();
  t.is(await a, 'a 1');
});

test('a run that fails fails its own requests and not the next', async (t) => {
  let runs = 0;
  const coalescer = new Coalescer<string>(async () => {
    runs += 1;
    if (runs === 1) throw new Error('first');
    return 'second';
  });
  const first = coalescer.request('a');
  const second = coalescer.request('a');
  await t.throwsAsync(first, { message: 'first' });
  t.is(await second, 'second');
});
