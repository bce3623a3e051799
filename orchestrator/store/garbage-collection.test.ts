import test from 'ava';
import { collectGarbage } from './garbage-collection.ts';
import { openTestDatabase } from './testing.ts';

const nobody = '00000000-0000-0000-0000-000000000001';
const hour = 3_600_000;

test('past jobs and events are forgotten, running jobs and young ones stay', async (t) => {
  const { db, close } = await openTestDatabase();
  t.teardown(close);
  const owner = { user_id: null, account_id: nobody, domain_id: nobody };
  const job = { ...owner, command: 'x', parameters: '{}', instance_type: null, instance_id: null };
  const old = new Date(Date.now() - 48 * hour);
  await db
    .insertInto('async_job')
    .values([
      { ...job, status: 1, completed: old },
      { ...job, status: 2, completed: old },
      { ...job, status: 1, completed: new Date() },
      { ...job, status: 0, created: old },
    ])
    .execute();
  const event = { ...owner, type: 'X', description: 'x', resource_type: null, resource_id: null };
  await db
    .insertInto('event')
    .values([{ ...event, created: old }, event])
    .execute();
  const setting = async (name: string) => (name === 'event.purge.days' ? '1' : '1440');
  t.deepEqual(await collectGarbage({ db, setting }), { sessions: 0, jobs: 2, events: 1 });
  t.deepEqual(await collectGarbage({ db, setting }), { sessions: 0, jobs: 0, events: 0 });
});
