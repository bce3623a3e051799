// What the API does when things around it fail, and the doors that are closed unless opened.
import test from 'ava';
import { asyncCommand } from '../commands/declaration.ts';
import { commands } from '../commands/registry.ts';
import { silentLog } from '../store/log.ts';
import { get } from './http-fixture.ts';
import { createIntegrationServer } from './server.ts';
import { idleOrchestration, startTestApi } from './testing.ts';

test('calls and jobs go on after a restart of PostgreSQL', async (t) => {
  const api = await startTestApi();
  t.teardown(api.close);
  const account = await api.account('before');
  await api.restart();
  // The connections of before are gone: the first call on each may fail, and says so with 530.
  for (let attempt = 0; attempt < 20; attempt += 1) await api.admin.call('listCapabilities').catch(() => {});
  t.deepEqual(await account.client.call('listNetworks'), {});
  t.like(await api.admin.run('disableUser', { id: account.userId }), { user: { state: 'disabled' } });
});

test('a job that was running when PostgreSQL restarted is brought to its end', async (t) => {
  const started: string[] = [];
  const gate: { open?: () => void } = {};
  const databaseStopped = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  const slow = asyncCommand({
    name: 'slowTest',
    description: 'Of this test alone',
    roles: ['Admin'],
    eventType: 'TEST.RUN',
    instanceType: 'Test',
    creates: false,
    parameters: {},
    responseKey: null,
    responseFields: {},
    prepare: async ({ caller }) => ({ id: caller.userId }),
    execute: async ({ db }, id) => {
      started.push(id);
      await databaseStopped;
      await db.selectFrom('account').select('id').execute();
      return { success: true };
    },
  });
  const api = await startTestApi({ commands: [...commands, slow] });
  t.teardown(api.close);
  const { jobid } = await api.admin.call('slowTest');
  while (started.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await api.stopDatabase();
  // The job goes on while the database is away, and nobody can be told of its end.
  gate.open?.();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await api.restart();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const job = await api.admin.call('queryAsyncJobResult', { jobid: String(jobid) }).catch(() => null);
    if (job !== null && job.jobstatus === 1) return t.is(started.length, 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return t.fail('the job does not end');
});

test('while PostgreSQL is away calls are answered with an error, and the process lives', async (t) => {
  const api = await startTestApi();
  t.teardown(api.close);
  await api.stopDatabase();
  await t.throwsAsync(api.admin.call('listCapabilities'), { message: /\(530\)/ });
  t.is((await fetch(api.endpoint.replace('/client/api', '/healthz'))).status, 500);
  await api.restart();
  t.truthy(await api.admin.call('listCapabilities'));
});

test('the integration API acts for root admin without credentials; the public one does not', async (t) => {
  const api = await startTestApi();
  t.teardown(api.close);
  const { db, queue } = api;
  const server = createIntegrationServer({ db, queue, commands, orchestration: idleOrchestration(), log: silentLog });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const open = await get(`${address}/client/api`, 'command=listAccounts&listall=true&response=json');
  t.like(open.content, { count: 1 });
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const page = await get(`${address}/client/api`, 'command=listAccounts&listall=true&response=json', headers);
    t.is(page.status, 401, 'a page in a browser on this machine');
  }
  t.is((await get(api.endpoint, 'command=listAccounts&listall=true&response=json')).status, 401);
});
