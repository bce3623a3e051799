// Async commands over HTTP: answer, progress, result, failure.
import test from 'ava';
import { asyncCommand, type Command } from '../commands/declaration.ts';
import { ApiError } from '../commands/errors.ts';
import { p } from '../commands/parameter.ts';
import { commands } from '../commands/registry.ts';
import { startTestApi, type TestApi } from './testing.ts';

const executed: Record<string, unknown>[] = [];

function job(name: string, execute: () => Promise<Record<string, unknown>>): Command {
  return asyncCommand({
    name,
    description: 'Of this test alone',
    roles: ['Admin', 'User'],
    eventType: 'TEST.RUN',
    instanceType: 'Test',
    creates: true,
    parameters: {
      size: p.integer(1, 10).required('A number'),
      password: p.opaque.optional('A secret', { secret: true }),
      userid: p.entity('cloud_user').optional('A user'),
    },
    responseKey: 'test',
    responseFields: {},
    prepare: async ({ caller }, { size }) => {
      if (size === 10) throw new ApiError('conflict', 'size 10 is taken');
      return { id: caller.userId };
    },
    execute: async (_context, _id, parameters) => {
      executed.push({ name, ...parameters });
      return execute();
    },
  });
}

const gate: { open?: () => void } = {};
const opened = new Promise<void>((resolve) => {
  gate.open = resolve;
});

let api: TestApi;
test.before(async () => {
  api = await startTestApi({
    commands: [
      ...commands,
      job('makeTest', async () => ({ name: 'done', created: new Date('2026-11-21T09:00:00Z'), none: null })),
      job('waitTest', async () => {
        await opened;
        return {};
      }),
      job('failTest', () => Promise.reject(new ApiError('conflict', 'port 80 is taken'))),
      job('breakTest', () => Promise.reject(new Error('secret plumbing'))),
    ],
  });
});
test.after.always(() => api?.close());

test('the answer is id and jobid at once; the job tells its result', async (t) => {
  const answer = await api.admin.call('makeTest', { size: 1 });
  t.deepEqual(Object.keys(answer), ['id', 'jobid']);
  t.deepEqual(await api.admin.run('makeTest', { size: 1 }), {
    test: { name: 'done', created: '2026-11-21T09:00:00+0000' },
  });
  t.like(await api.admin.call('queryAsyncJobResult', { JOBID: String(answer.jobid) }), {
    cmd: 'makeTest',
    jobstatus: 1,
    jobprocstatus: 0,
    jobresultcode: 0,
    jobresulttype: 'object',
    jobinstancetype: 'Test',
    jobinstanceid: answer.id as string,
    account: 'admin',
  });
});

test('a job in progress has status 0 and stands in listAsyncJobs', async (t) => {
  const { jobid } = await api.admin.call('waitTest', { size: 1 });
  const running = await api.admin.call('queryAsyncJobResult', { jobid: String(jobid) });
  t.like(running, { jobstatus: 0, jobresultcode: 0 });
  t.false('jobresult' in running);
  t.true((await api.admin.list('listAsyncJobs')).some((item) => item.jobid === jobid));
  gate.open?.();
});

test('a failed job has status 2, the code and the text', async (t) => {
  const { jobid } = await api.admin.call('failTest', { size: 1 });
  await t.throwsAsync(api.admin.run('failTest', { size: 1 }), { message: 'failTest: port 80 is taken (537)' });
  const failed = await api.admin.call('queryAsyncJobResult', { jobid: String(jobid) });
  t.like(failed, { jobstatus: 2, jobresultcode: 537, jobresult: { errorcode: 537, errortext: 'port 80 is taken' } });
});

test('what broke inside is told to root admins alone', async (t) => {
  const { client } = await api.account('outsider');
  await t.throwsAsync(api.admin.run('breakTest', { size: 1 }), { message: 'breakTest: secret plumbing (530)' });
  const expected = 'breakTest: Internal error executing command, please contact your cloud administrator (530)';
  await t.throwsAsync(client.run('breakTest', { size: 1 }), { message: expected });
});

test.serial('what prepare refuses makes no job, no event, no row', async (t) => {
  const before = await api.db.selectFrom('async_job').select('id').where('command', '=', 'makeTest').execute();
  await t.throwsAsync(api.admin.call('makeTest', { size: 10 }), { message: 'makeTest: size 10 is taken (537)' });
  await t.throwsAsync(api.admin.call('makeTest', { size: 11 }), {
    message: /parameter size: expected a whole number from 1 to 10 \(431\)/,
  });
  const after = await api.db.selectFrom('async_job').select('id').where('command', '=', 'makeTest').execute();
  t.is(after.length, before.length);
});

test('execute gets plain values; secrets and rows of the call are not kept', async (t) => {
  const { userId } = await api.account('named');
  await api.admin.run('makeTest', { size: 7, password: 'hush', userid: userId });
  t.deepEqual(
    executed.find(({ size }) => size === 7),
    { name: 'makeTest', size: 7 },
  );
  const rows = JSON.stringify(await api.db.selectFrom('async_job').selectAll().execute());
  t.false(rows.includes('hush'));
});

test('events tell of a job: Scheduled, Started, Completed', async (t) => {
  const { client } = await api.account('watched');
  await client.run('makeTest', { size: 2 });
  const states = (await client.list('listEvents', { type: 'TEST.RUN' })).map(({ state }) => state);
  t.deepEqual(states.sort(), ['Completed', 'Scheduled', 'Started']);
});
