import test from 'ava';
import { cookiesOf, get, post, type RawAnswer } from './http-fixture.ts';
import { startTestApi, type TestAccount, type TestApi } from './testing.ts';

let api: TestApi;
test.before(async () => {
  api = await startTestApi();
});
test.after.always(() => api?.close());

function logIn(account: Pick<TestAccount, 'username' | 'password'>, more: Record<string, string> = {}) {
  const { username, password } = account;
  return post(api.endpoint, { command: 'login', response: 'json', username, password, domain: '/', ...more });
}

function call(
  session: RawAnswer,
  command: string,
  change: { cookie?: string; sessionkey?: string; origin?: string } = {},
) {
  const { cookie = cookiesOf(session), sessionkey = String(session.content.sessionkey), origin } = change;
  const headers = { ...(cookie === '' ? {} : { cookie }), ...(origin === undefined ? {} : { origin }) };
  const query = new URLSearchParams({ command, response: 'json', ...(sessionkey === '' ? {} : { sessionkey }) });
  return get(api.endpoint, query.toString(), headers);
}

test('login answers with what clients read, and puts the secrets into cookies', async (t) => {
  const answer = await logIn(api.adminCredentials);
  t.is(answer.status, 200);
  t.like(answer, {
    envelope: 'loginresponse',
    content: { username: 'admin', account: 'admin', type: '1', timeout: 1800 },
  });
  for (const field of [
    'userid',
    'domainid',
    'firstname',
    'lastname',
    'timezone',
    'registered',
    'sessionkey',
    'is2faenabled',
  ]) {
    t.is(typeof answer.content[field], 'string', field);
  }
  t.false('jsessionid' in answer.content);
  const cookies = answer.headers.getSetCookie();
  t.deepEqual(
    cookies.map((cookie) => cookie.split('=')[0]),
    ['JSESSIONID', 'sessionkey'],
  );
  for (const cookie of cookies) t.regex(cookie, /; HttpOnly; SameSite=Lax/);
});

test('a session needs its cookie and its sessionkey, both', async (t) => {
  const session = await logIn(api.adminCredentials);
  t.is((await call(session, 'listDomains')).status, 200);
  t.is((await call(session, 'listDomains', { cookie: '' })).status, 401);
  t.is((await call(session, 'listDomains', { sessionkey: '' })).status, 401);
  t.is((await call(session, 'listDomains', { sessionkey: 'A'.repeat(43) })).status, 401);
  t.is((await call(session, 'listDomains', { cookie: `JSESSIONID=${'A'.repeat(43)}` })).status, 401);
});

test('another site may not use the session, the own page may', async (t) => {
  const session = await logIn(api.adminCredentials);
  t.is((await call(session, 'listDomains', { origin: 'https://evil.example' })).status, 401);
  t.is((await call(session, 'listDomains', { origin: 'null' })).status, 401);
  t.is((await call(session, 'listDomains', { origin: new URL(api.endpoint).origin })).status, 200);
});

test('logout ends the session; a bare one disturbs nobody', async (t) => {
  const session = await logIn(api.adminCredentials);
  const bare = await post(api.endpoint, { command: 'logout', response: 'json' });
  t.is(bare.status, 200);
  t.deepEqual(bare.headers.getSetCookie(), []);
  t.is((await call(session, 'listDomains')).status, 200);
  t.is((await call(session, 'logout')).status, 200);
  t.is((await call(session, 'listDomains')).status, 401);
});

test('login takes POST alone: a query stands in logs', async (t) => {
  const { username, password } = api.adminCredentials;
  const answer = await get(
    api.endpoint,
    new URLSearchParams({ command: 'login', response: 'json', username, password }).toString(),
  );
  t.is(answer.status, 405);
});

const wrong = {
  'a wrong password': { username: 'guessed', password: 'wrong' },
  'an unknown user': { username: 'nobody', password: 'wrong' },
  'a user of another domain': { username: 'elsewhere', password: 'wrong', domain: '/elsewhere' },
};

test.serial('a wrong password, an unknown user and a wrong domain are the same 531, in the same time', async (t) => {
  await api.account('guessed');
  await api.account('elsewhere');
  const medians: number[] = [];
  for (const [title, form] of Object.entries(wrong)) {
    const times: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const started = performance.now();
      const answer = await logIn(form, 'domain' in form ? { domain: form.domain } : {});
      times.push(performance.now() - started);
      t.is(answer.status, 531, title);
      const expected = `Failed to authenticate user ${form.username}: expected a user of that domain, and its password`;
      t.is(answer.content.errortext, expected, title);
    }
    medians.push(times.sort((left, right) => left - right)[2] ?? 0);
  }
  t.log(medians.map((median) => `${Math.round(median)} ms`).join(', '));
  t.true(Math.min(...medians) > Math.max(...medians) / 3, medians.join(' '));
});

test('guesses have to wait after the fifth', async (t) => {
  const account = await api.account('limited');
  for (let attempt = 0; attempt < 6; attempt += 1) await logIn({ username: 'limited', password: 'wrong' });
  const answer = await logIn(account);
  t.is(answer.status, 531);
  t.regex(String(answer.content.errortext), /try again in 1 s/);
  t.is((await logIn(await api.account('not-limited'))).status, 200);
});

for (const [title, command] of [
  ['disabling the user', 'disableUser'],
  ['locking the user', 'lockUser'],
  ['deleting the user', 'deleteUser'],
  ['disabling the account', 'disableAccount'],
] as const) {
  test(`${title} ends its session and its keys at once`, async (t) => {
    const account = await api.account(`revoked-${command.toLowerCase()}`);
    const session = await logIn(account);
    t.is((await call(session, 'listNetworks')).status, 200);
    t.deepEqual(await account.client.call('listNetworks'), {});
    const id = command === 'disableAccount' ? account.accountId : account.userId;
    await api.admin.call(command, { id, lock: true });
    t.is((await call(session, 'listNetworks')).status, 401);
    await t.throwsAsync(account.client.call('listNetworks'), { message: /\(401\)/ });
    t.is((await logIn(account)).status, 531);
  });
}

test('new keys end the old ones; a new password ends the sessions', async (t) => {
  const account = await api.account('renewed');
  const session = await logIn(account);
  await api.admin.call('updateUser', { id: account.userId, password: 'another' });
  t.is((await call(session, 'listNetworks')).status, 401);
  await account.client.call('registerUserKeys', { id: account.userId });
  await t.throwsAsync(account.client.call('listNetworks'), { message: /\(401\)/ });
  t.is((await logIn({ username: 'renewed', password: 'another' })).status, 200);
});

test('an expired session is over', async (t) => {
  const account = await api.account('expired');
  const session = await logIn(account);
  await api.db
    .updateTable('session')
    .set({ expires: new Date(Date.now() - 1) })
    .where('user_id', '=', account.userId)
    .execute();
  t.is((await call(session, 'listNetworks')).status, 401);
});

test('the database holds no session secret and no password', async (t) => {
  const account = await api.account('secrets');
  const session = await logIn(account);
  const rows = JSON.stringify([
    await api.db.selectFrom('session').selectAll().execute(),
    await api.db.selectFrom('cloud_user').select(['username', 'password_hash']).execute(),
  ]);
  const secrets = [
    String(session.content.sessionkey),
    ...cookiesOf(session)
      .split('; ')
      .map((pair) => pair.split('=')[1] ?? '-'),
    account.password,
  ];
  for (const secret of secrets) t.false(rows.includes(secret));
});
