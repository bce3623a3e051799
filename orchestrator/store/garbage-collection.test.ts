import test from 'ava';
import { collectGarbage } from './garbage-collection.ts';
import { openTestDatabase } from './testing.ts';

const nobody = '00000000-0000-0000-0000-000000000001';
const hour = 3_600_000;

test('past jobs, events and alerts are forgotten, running jobs, lasting alerts and young ones stay', async (t) => {
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
  const alert = { type: 9, name: 'ALERT.SERVICE.DOMAINROUTER', description: 'x', zone_id: null, pod_id: null };
  await db
    .insertInto('alert')
    .values([
      { ...alert, resource_id: nobody, resolved: old, last_sent: old },
      { ...alert, resource_id: null, resolved: null, last_sent: old },
      { ...alert, resource_id: nobody, resolved: null, last_sent: old },
      { ...alert, resource_id: nobody, resolved: new Date() },
    ])
    .execute();
  const setting = async (name: string) => (name.includes('purge') ? '1' : '1440');
  t.deepEqual(await collectGarbage({ db, setting }), { sessions: 0, jobs: 2, events: 1, alerts: 2, consoles: 0 });
  t.deepEqual(await collectGarbage({ db, setting }), { sessions: 0, jobs: 0, events: 0, alerts: 0, consoles: 0 });
});
