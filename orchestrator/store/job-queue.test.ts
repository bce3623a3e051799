import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { createJobQueue, type JobQueue } from './job-queue.ts';
import { openTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
test.before(async () => {
  database = await openTestDatabase();
});
test.after.always(() => database?.close());

const account = '00000000-0000-0000-0000-000000000001';

async function enqueue(queue: JobQueue): Promise<string> {
  return database.db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto('async_job')
      .values({
        command: 'test',
        parameters: '{}',
        user_id: null,
        account_id: account,
        domain_id: account,
        instance_type: null,
        instance_id: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await queue.enqueue(trx, id);
    return id;
  });
}

interface Started {
  readonly id: string;
  readonly at: number;
}

/** A queue of this process that notes when each job starts. */
async function openQueue(work: (id: string) => Promise<void> = async () => {}) {
  const started: Started[] = [];
  const waiting = new Map<string, (at: number) => void>();
  const queue = await createJobQueue({
    url: database.url,
    log: silentLog,
    run: async (id) => {
      started.push({ id, at: performance.now() });
      waiting.get(id)?.(performance.now());
      await work(id);
    },
    abandon: async () => {},
  });
  const start = (id: string) =>
    new Promise<number>((resolve) => {
      const known = started.find((item) => item.id === id);
      if (known === undefined) waiting.set(id, resolve);
      else resolve(known.at);
    });
  return { queue, started, start };
}

test.serial('a job starts within 10 ms of its commit (median of 50)', async (t) => {
  const { queue, start } = await openQueue();
  t.teardown(() => queue.stop());
  const delays: number[] = [];
  for (let index = 0; index < 50; index += 1) {
    const id = await enqueue(queue);
    const committed = performance.now();
    queue.wake();
    delays.push((await start(id)) - committed);
  }
  const median = delays.sort((left, right) => left - right)[25] ?? Number.NaN;
  t.log(`median ${median.toFixed(1)} ms, slowest ${delays.at(-1)?.toFixed(1)} ms`);
  t.true(median < 10, `median ${median} ms`);
});

test.serial('a job of another process starts by notice, without a poll', async (t) => {
  const { queue, start } = await openQueue();
  t.teardown(() => queue.stop());
  const id = await enqueue(queue);
  const committed = performance.now();
  t.true((await start(id)) - committed < 500);
});

test.serial('a job whose transaction is rolled back never runs', async (t) => {
  const { queue, started } = await openQueue();
  t.teardown(() => queue.stop());
  const rolledBack = database.db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto('async_job')
      .values({
        command: 'test',
        parameters: '{}',
        user_id: null,
        account_id: account,
        domain_id: account,
        instance_type: null,
        instance_id: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await queue.enqueue(trx, id);
    throw new Error('rolled back');
  });
  await t.throwsAsync(rolledBack, { message: 'rolled back' });
  const next = await enqueue(queue);
  queue.wake();
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.deepEqual(
    started.map(({ id }) => id),
    [next],
  );
});

test.serial('32 jobs run at once, and no more', async (t) => {
  let running = 0;
  let most = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { queue, started } = await openQueue(async () => {
    running += 1;
    most = Math.max(most, running);
    await released;
    running -= 1;
  });
  t.teardown(() => queue.stop());
  for (let index = 0; index < 40; index += 1) await enqueue(queue);
  queue.wake();
  while (running < 32) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 200));
  release();
  while (started.length < 40) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(most, 32);
});

test.serial('a job that throws is tried again', async (t) => {
  let attempts = 0;
  const { queue, started } = await openQueue(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('the database is away');
  });
  t.teardown(() => queue.stop());
  await enqueue(queue);
  queue.wake();
  while (started.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(attempts, 2);
});

const { commands } = createHost({ log: silentLog });

/** Starts a process that takes jobs and never ends one; `output` waits for what it says. */
async function startWorker() {
  const directory = await mkdtemp('/tmp/isthmus-worker-');
  const logPath = `${directory}/output`;
  const fixture = new URL('./job-queue-fixture.ts', import.meta.url).pathname;
  const pid = await commands.startDaemon(process.execPath, [fixture, database.url], { logPath });
  return {
    kill: () => commands.signal(pid, 'SIGKILL'),
    remove: () => rm(directory, { recursive: true }),
    output: async () => {
      for (;;) {
        const text = await readFile(logPath, 'utf8');
        if (text.endsWith('\n')) return text;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

test.serial('a job survives kill -9 of its worker: another process runs it within seconds', async (t) => {
  const worker = await startWorker();
  t.teardown(async () => {
    worker.kill();
    await worker.remove();
  });
  // Made by a queue that works on nothing, so that the child gets it.
  const idle = await createJobQueue({
    url: database.url,
    log: silentLog,
    run: async () => {},
    abandon: async () => {},
    concurrency: 0,
  });
  const id = await enqueue(idle);
  await idle.stop();
  t.is(await worker.output(), `started ${id}\n`);

  const { queue, start, started } = await openQueue();
  t.teardown(() => queue.stop());
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  t.deepEqual(started, [], 'a living process keeps its job');

  worker.kill();
  const killed = performance.now();
  const delay = (await start(id)) - killed;
  t.log(`started again ${Math.round(delay)} ms after the kill`);
  t.true(delay < 6_000, `${delay} ms`);
});
