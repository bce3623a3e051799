// Accounts, users and domains through the API.
import test from 'ava';
import { startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
test.before(async () => {
  api = await startTestApi();
});
test.after.always(() => api?.close());

const profile = { email: 'a@b.c', firstname: 'Ada', lastname: 'Byron', password: 'secret' };

async function made(command: string, key: string, values: Record<string, string | number>) {
  return (await api.admin.call(command, values))[key] as Record<string, unknown>;
}

test('an account with its first user', async (t) => {
  const account = await made('createAccount', 'account', {
    ...profile,
    username: 'ada',
    account: 'analysts',
    accounttype: 0,
  });
  t.like(account, {
    name: 'analysts',
    accounttype: 0,
    rolename: 'User',
    domainpath: 'ROOT',
    state: 'enabled',
    vmtotal: 0,
  });
  t.like((account.user as unknown[])[0], { username: 'ada', firstname: 'Ada', account: 'analysts' });
  t.false(JSON.stringify(account).includes('secret'));
  await t.throwsAsync(
    api.admin.call('createAccount', { ...profile, username: 'bob', account: 'analysts', accounttype: 0 }),
    {
      message:
        /Invalid value "analysts" for parameter account: expected a name that no account of domain ROOT has \(431\)/,
    },
  );
  await t.throwsAsync(
    api.admin.call('createAccount', { ...profile, username: 'ada', account: 'other', accounttype: 0 }),
    {
      message: /for parameter username: expected a name that no user of domain ROOT has \(431\)/,
    },
  );
  t.deepEqual(
    await api.admin.list('listAccounts', { name: 'other', listall: true }),
    [],
    'nothing of a refused call stays',
  );
});

test('a role by its id, or by the type of account; one of them', async (t) => {
  const byRole = await made('createAccount', 'account', {
    ...profile,
    username: 'root2',
    roleid: '5f0b6b3c-0f4e-4a6f-9d51-6d0f5b5e0001',
  });
  t.is(byRole.accounttype, 1);
  await t.throwsAsync(api.admin.call('createAccount', { ...profile, username: 'x1' }), {
    message: /roleid or accounttype \(431\)/,
  });
  await t.throwsAsync(api.admin.call('createAccount', { ...profile, username: 'x2', accounttype: 3 }), {
    message: /accounttype: expected a whole number from 0 to 2 \(431\)/,
  });
});

test('a deleted account leaves no user', async (t) => {
  const account = await api.account('doomed');
  t.deepEqual(await api.admin.run('deleteAccount', { id: account.accountId }), { success: true });
  t.deepEqual(await api.admin.list('listUsers', { username: 'doomed', listall: true }), []);
  await t.throwsAsync(
    api.admin.run('deleteAccount', { id: (await api.admin.list('listAccounts', { name: 'admin' }))[0]?.id as string }),
    {
      message: /cannot delete itself/,
    },
  );
});

test('account states: lock and disable end access, enable brings it back', async (t) => {
  const account = await api.account('switched');
  const domainid = String((await api.admin.list('listDomains'))[0]?.id);
  t.like(await made('lockAccount', 'account', { account: 'switched', domainid }), { state: 'locked' });
  await t.throwsAsync(account.client.call('listNetworks'), { message: /\(401\)/ });
  t.like(await made('enableAccount', 'account', { account: 'switched', domainid }), { state: 'enabled' });
  t.deepEqual(await account.client.call('listNetworks'), {});
  const answer = await api.admin.run('disableAccount', { id: account.accountId, lock: false });
  t.like(answer, { account: { state: 'disabled' } });
});

test('users: made, renamed, keys given, deleted', async (t) => {
  await api.account('team');
  const user = await made('createUser', 'user', { ...profile, account: 'team', username: 'grace' });
  const id = String(user.id);
  t.like(await made('updateUser', 'user', { id, username: 'hopper', lastname: 'Hopper' }), {
    username: 'hopper',
    lastname: 'Hopper',
    firstname: 'Ada',
  });
  const keys = await made('registerUserKeys', 'userkeys', { id });
  t.deepEqual(await made('getUserKeys', 'userkeys', { id }), keys);
  t.like(await made('getUser', 'user', { userapikey: String(keys.apikey) }), { id });
  t.deepEqual(await api.admin.call('deleteUser', { id }), { success: true });
  await t.throwsAsync(api.admin.call('getUserKeys', { id }), { message: /entity does not exist/ });
});

test('a user changes its own password by the present one', async (t) => {
  const account = await api.account('self');
  const change = (values: Record<string, string>) =>
    account.client.call('updateUser', { id: account.userId, ...values });
  await t.throwsAsync(change({ password: 'new' }), { message: /currentpassword is missing/ });
  await t.throwsAsync(change({ password: 'new', currentpassword: 'wrong' }), { message: /currentpassword/ });
  await t.notThrowsAsync(change({ password: 'new', currentpassword: account.password }));
});

test('domains: a tree, renamed with all below, deleted when empty or with cleanup', async (t) => {
  const top = await made('createDomain', 'domain', { name: 'top' });
  const below = await made('createDomain', 'domain', { name: 'below', parentdomainid: String(top.id) });
  t.like(below, { path: 'ROOT/top/below', level: 2, parentdomainname: 'top' });
  await api.admin.call('updateDomain', { id: String(top.id), name: 'summit' });
  t.like((await api.admin.list('listDomains', { id: String(below.id) }))[0], { path: 'ROOT/summit/below' });
  await api.account('tenant-below', { domainId: String(below.id) });
  await t.throwsAsync(api.admin.run('deleteDomain', { id: String(top.id) }), { message: /still holds .*\(536\)/ });
  t.deepEqual(await api.admin.run('deleteDomain', { id: String(top.id), cleanup: true }), { success: true });
  t.deepEqual(await api.admin.list('listAccounts', { name: 'tenant-below', listall: true }), []);
  await t.throwsAsync(api.admin.call('createDomain', { name: 'a/b' }), { message: /a name without a slash \(431\)/ });
});
