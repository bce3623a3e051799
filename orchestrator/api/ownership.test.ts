// Who may see and touch what: by commands of the registry, over HTTP.
import test from 'ava';
import { startTestApi, type TestAccount, type TestApi } from './testing.ts';

let api: TestApi;
let domains: { north: string; city: string; south: string };
let people: Record<'northAdmin' | 'northUser' | 'cityUser' | 'southUser', TestAccount>;

async function makeDomain(name: string, parentdomainid?: string): Promise<string> {
  const answer = await api.admin.call('createDomain', { name, parentdomainid });
  return String((answer.domain as { id: string }).id);
}

test.before(async () => {
  api = await startTestApi();
  const north = await makeDomain('north');
  domains = { north, city: await makeDomain('city', north), south: await makeDomain('south') };
  people = {
    northAdmin: await api.account('north-admin', { type: 2, domainId: domains.north }),
    northUser: await api.account('north-user', { domainId: domains.north }),
    cityUser: await api.account('city-user', { domainId: domains.city }),
    southUser: await api.account('south-user', { domainId: domains.south }),
  };
});
test.after.always(() => api?.close());

async function names(account: TestAccount | 'admin', values: Record<string, string | boolean> = {}): Promise<string[]> {
  const client = account === 'admin' ? api.admin : account.client;
  return (await client.list('listAccounts', values)).map(({ name }) => String(name));
}

test('without listall everyone sees its own account alone', async (t) => {
  t.deepEqual(await names('admin'), ['admin']);
  t.deepEqual(await names(people.northAdmin), ['north-admin']);
  t.deepEqual(await names(people.northUser), ['north-user']);
});

test.serial(
  'with listall root admins see everything, domain admins their domains, users still themselves',
  async (t) => {
    t.deepEqual(await names('admin', { listall: true }), [
      'admin',
      'city-user',
      'north-admin',
      'north-user',
      'south-user',
    ]);
    t.deepEqual(await names(people.northAdmin, { listall: true }), ['city-user', 'north-admin', 'north-user']);
    t.deepEqual(await names(people.northUser, { listall: true }), ['north-user']);
  },
);

test.serial('domainid narrows the list, isrecursive takes the domains below it too', async (t) => {
  t.deepEqual(await names('admin', { domainid: domains.north }), ['north-admin', 'north-user']);
  t.deepEqual(await names('admin', { domainid: domains.north, isrecursive: true }), [
    'city-user',
    'north-admin',
    'north-user',
  ]);
  t.deepEqual(await names(people.northAdmin, { domainid: domains.city }), ['city-user']);
  await t.throwsAsync(names(people.northAdmin, { domainid: domains.south }), { message: /\(531\)/ });
  await t.throwsAsync(names(people.northUser, { domainid: domains.south, listall: true }), { message: /\(531\)/ });
});

test('account and domainid name one account within reach', async (t) => {
  t.deepEqual(await names('admin', { account: 'city-user', domainid: domains.city }), ['city-user']);
  t.deepEqual(await names(people.northUser, { account: 'north-user' }), ['north-user']);
  await t.throwsAsync(names(people.northUser, { account: 'north-admin' }), { message: /\(531\)/ });
  await t.throwsAsync(names(people.northAdmin, { account: 'south-user', domainid: domains.south }), {
    message: /\(531\)/,
  });
});

const reach = [
  ['northAdmin', 'northUser', true],
  ['northAdmin', 'cityUser', true],
  ['northAdmin', 'southUser', false],
  ['northUser', 'northUser', true],
  ['northUser', 'northAdmin', false],
  ['northUser', 'cityUser', false],
  ['cityUser', 'northUser', false],
] as const;

for (const [who, whose, allowed] of reach) {
  test(`${who} ${allowed ? 'reaches' : 'does not reach'} the user of ${whose}`, async (t) => {
    const caller = people[who].client;
    const id = people[whose].userId;
    const calls = [caller.call('getUserKeys', { id }), caller.call('listUsers', { id })];
    for (const call of calls) {
      if (allowed) await t.notThrowsAsync(call);
      else await t.throwsAsync(call, { message: /may not use the user that parameter id names .*\(531\)/ });
    }
  });
}

test('an id that is not there is 431, in the words that Terraform reads', async (t) => {
  const id = '00000000-0000-4000-8000-000000000000';
  await t.throwsAsync(people.northUser.client.call('listUsers', { id }), {
    message: `listUsers: Invalid parameter id value=${id} due to incorrect long value format, or entity does not exist: expected the id of a user (431)`,
  });
  await t.throwsAsync(api.admin.call('listUsers', { id: "x' or 1=1" }), {
    message: /parameter id: expected a UUID \(431\)/,
  });
});

test('what a user may not create, and a domain admin only within its domains', async (t) => {
  const profile = { email: 'a@b.c', firstname: 'a', lastname: 'b', password: 'c' };
  const create = (account: TestAccount, values: Record<string, string | number>) =>
    account.client.call('createAccount', { ...profile, ...values });
  await t.throwsAsync(create(people.northUser, { username: 'u1', accounttype: 0 }), { message: /\(432\)/ });
  await t.throwsAsync(create(people.northAdmin, { username: 'u2', accounttype: 1 }), { message: /\(531\)/ });
  await t.throwsAsync(create(people.northAdmin, { username: 'u3', accounttype: 0, domainid: domains.south }), {
    message: /\(531\)/,
  });
  await t.notThrowsAsync(create(people.northAdmin, { username: 'u4', accounttype: 2, domainid: domains.city }));
  await api.admin.run('deleteAccount', {
    id: String((await api.admin.list('listAccounts', { name: 'u4', listall: true }))[0]?.id),
  });
});

test('jobs and events are their account’s', async (t) => {
  const made = await api.account('job-owner', { domainId: domains.city });
  const { jobid } = await people.northAdmin.client.call('disableUser', { id: made.userId });
  await t.throwsAsync(people.southUser.client.call('queryAsyncJobResult', { jobid: String(jobid) }), {
    message: /\(531\)/,
  });
  t.like(await api.admin.call('queryAsyncJobResult', { jobid: String(jobid) }), {
    cmd: 'disableUser',
    accountid: people.northAdmin.accountId,
  });
  t.true((await api.admin.list('listEvents', { listall: true, type: 'USER.DISABLE' })).length > 0);
  t.deepEqual(await people.southUser.client.list('listEvents', { listall: true, type: 'USER.DISABLE' }), []);
});

test.serial(
  'pages: page needs pagesize and the reverse, the count is the total, beyond the end is empty',
  async (t) => {
    const total = (await names('admin', { listall: true })).length;
    const page = await api.admin.call('listAccounts', { listall: true, page: 2, pagesize: 2 });
    t.is(page.count, total);
    t.is((page.account as unknown[]).length, 2);
    t.deepEqual(await api.admin.call('listAccounts', { listall: true, page: 9, pagesize: 500 }), {});
    for (const values of [
      { page: 1 },
      { pagesize: 5 },
      { page: 0, pagesize: 5 },
      { page: 1, pagesize: 501 },
      { page: 1, pagesize: -1 },
      { page: 'x', pagesize: 5 },
    ]) {
      await t.throwsAsync(api.admin.call('listAccounts', values), { message: /\(431\)/ }, JSON.stringify(values));
    }
  },
);

test('keyword is text, not a pattern', async (t) => {
  t.deepEqual(await names('admin', { listall: true, keyword: 'ORTH-U' }), ['north-user']);
  t.deepEqual(await names('admin', { listall: true, keyword: '%' }), []);
  t.deepEqual(await names('admin', { listall: true, keyword: '_' }), []);
  t.deepEqual(await names('admin', { listall: true, keyword: "'; drop table account; --" }), []);
});
