import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import test from 'ava';
import { get, post, signedQuery } from './http-fixture.ts';
import { startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
test.before(async () => {
  api = await startTestApi();
});
test.after.always(() => api?.close());

function sorted(values: Record<string, string>, order: 'spelled' | 'lowered'): (readonly [string, string])[] {
  const key = (name: string) => (order === 'spelled' ? name : name.toLowerCase());
  return Object.entries(values).sort(([left], [right]) => (key(left) < key(right) ? -1 : 1));
}

for (const order of ['spelled', 'lowered'] as const) {
  test(`a call signed over its names ${order} is answered`, async (t) => {
    const { apiKey, secretKey } = api.adminCredentials;
    const values = { command: 'listDomains', apiKey, response: 'json', Name: 'ROOT', keyword: 'R', Zebra: 'x' };
    const answer = await get(api.endpoint, signedQuery(sorted(values, order), secretKey));
    t.is(answer.status, 200);
    t.like(answer, { envelope: 'listdomainsresponse', content: { count: 1 } });
    t.is(answer.headers.get('content-type'), 'application/json; charset=UTF-8');
  });
}

test('names are taken in any case', async (t) => {
  const { apiKey, secretKey } = api.adminCredentials;
  const values = { COMMAND: 'LISTdomains', APIKEY: apiKey, Response: 'JSON' };
  t.is((await get(api.endpoint, signedQuery(sorted(values, 'lowered'), secretKey))).status, 200);
});

for (const [title, change] of [
  ['another value', (query: string) => query.replace('listDomains', 'listZones')],
  ['another parameter', (query: string) => `${query}&listall=true`],
  ['another signature', (query: string) => query.replace(/signature=.{4}/, 'signature=AAAA')],
  ['no signature', (query: string) => query.replace(/&signature=.*$/, '')],
  ['an unknown key', (query: string) => query.replace(/apiKey=.{4}/, 'apiKey=AAAA')],
] as const) {
  test(`a signed call with ${title} is refused with 401`, async (t) => {
    const { apiKey, secretKey } = api.adminCredentials;
    const values = { apiKey, command: 'listDomains', response: 'json' };
    const answer = await get(api.endpoint, change(signedQuery(sorted(values, 'spelled'), secretKey)));
    t.is(answer.status, 401);
    t.is(answer.content.errortext, 'unable to verify user credentials and/or request signature');
  });
}

for (const [title, fields, status] of [
  ['with expires as +0000', { expires: '2099-01-01T00:00:00+0000' }, 200],
  ['with expires as Z', { expires: '2099-01-01T00:00:00Z' }, 200],
  ['that is past', { expires: '2020-01-01T00:00:00Z' }, 401],
  ['without expires', {}, 401],
] as const) {
  test(`a call of version 3 ${title}: ${status}`, async (t) => {
    const { apiKey, secretKey } = api.adminCredentials;
    const values = { apiKey, command: 'listDomains', response: 'json', signatureVersion: '3', ...fields };
    t.is((await get(api.endpoint, signedQuery(sorted(values, 'lowered'), secretKey))).status, status);
  });
}

test('without response=json the answer is XML', async (t) => {
  const { apiKey, secretKey } = api.adminCredentials;
  const answer = await get(
    api.endpoint,
    signedQuery(
      [
        ['apiKey', apiKey],
        ['command', 'listDomains'],
      ],
      secretKey,
    ),
  );
  t.is(answer.headers.get('content-type'), 'text/xml; charset=UTF-8');
  t.regex(
    answer.text,
    /^<\?xml version="1.0" encoding="UTF-8"\?><listdomainsresponse cloud-stack-version="4\.22\.0\.0"><count>1<\/count><domain><id>/,
  );
});

test('a command that is not there, and one of another role, are the same error', async (t) => {
  const { client } = await api.account('roles');
  const expected = { message: /The given command does not exist or it is not available for user \(432\)/ };
  await t.throwsAsync(client.call('noSuchCommand'), expected);
  await t.throwsAsync(client.call('createDomain', { name: 'x' }), expected);
});

test('an error names parameter and expectation, in envelope, header and status', async (t) => {
  const { apiKey, secretKey } = api.adminCredentials;
  const query = signedQuery(
    [
      ['apiKey', apiKey],
      ['command', 'createDomain'],
      ['response', 'json'],
    ],
    secretKey,
  );
  const answer = await get(api.endpoint, query);
  t.is(answer.status, 431);
  t.like(answer, { envelope: 'createdomainresponse', content: { uuidList: [], errorcode: 431, cserrorcode: 4350 } });
  t.is(
    answer.headers.get('x-description'),
    'Unable to execute API command createdomain due to missing parameter name: expected a value',
  );
});

test('a call without a command, a broken body and another path are refused', async (t) => {
  t.is((await get(api.endpoint, 'response=json')).status, 430);
  const json = await fetch(api.endpoint, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  });
  t.is(json.status, 430);
  t.is((await fetch(api.endpoint.replace('/client/api', '/other'))).status, 404);
  t.is((await fetch(api.endpoint, { method: 'DELETE' })).status, 404);
});

test('a body beyond 2 MiB is refused', async (t) => {
  const answer = await post(api.endpoint, { command: 'login', username: 'x'.repeat(2_200_000) }).catch(() => null);
  t.true(answer === null || answer.status === 413);
});

test('healthz answers without credentials', async (t) => {
  const answer = await fetch(api.endpoint.replace('/client/api', '/healthz'));
  t.deepEqual(await answer.json(), { status: 'ok' });
});

test('unknown parameters and junk that clients send are passed over', async (t) => {
  const answer = await api.admin.call('listDomains', { vpc_id: 'None', forced: 'None', isrecursive: 'True', tags: '' });
  t.is(answer.count, 1);
});

test('user data in a query of 40 kB is taken', async (t) => {
  const { apiKey, secretKey } = api.adminCredentials;
  const values = { apiKey, command: 'listDomains', response: 'json', userdata: 'a'.repeat(40_000) };
  t.is((await get(api.endpoint, signedQuery(sorted(values, 'spelled'), secretKey))).status, 200);
});

test('a request that lies about its length does not stop the server', async (t) => {
  await new Promise<void>((resolve) => {
    const call = request(api.endpoint, { method: 'POST', headers: { 'content-length': '100' } });
    call.on('error', () => resolve());
    call.write('command=');
    setTimeout(() => call.destroy(), 50);
  });
  t.is((await api.admin.call('listCapabilities')).errorcode, undefined);
});

test('listApis tells the caller of what it may use', async (t) => {
  const { client } = await api.account('apis');
  const mine = new Set((await client.list('listApis')).map(({ name }) => name));
  t.true(mine.has('listNetworks') && mine.has('login'));
  t.false(mine.has('addHost'));
  const [deploy] = await api.admin.list('listApis', { name: 'createdomain' });
  t.like(deploy, { name: 'createDomain', isasync: false });
  const [name] = Array.isArray(deploy?.params) ? deploy.params : [];
  t.like(name, { name: 'name', type: 'string', required: true });
});

for (const [title, words] of [
  ['nothing', ''],
  ['half a header', 'GET /client/api?command=listDomains HTTP/1.1\r\nHost: a\r\nX-'],
] as const) {
  test(`a connection that sends ${title} is ended in seconds, and keeps nobody from the API`, async (t) => {
    const { hostname, port } = new URL(api.endpoint);
    const sockets = Array.from({ length: 200 }, () => connect(Number(port), hostname));
    const begun = performance.now();
    const closed = sockets.map((socket) => once(socket.resume(), 'close').catch(() => undefined));
    for (const socket of sockets) if (words !== '') socket.write(words);
    // One letter a second is not progress.
    const drip = setInterval(() => {
      for (const socket of sockets) if (words !== '' && socket.writable) socket.write('a');
    }, 1000);
    const { apiKey, secretKey } = api.adminCredentials;
    const query = signedQuery(sorted({ apiKey, command: 'listDomains', response: 'json' }, 'spelled'), secretKey);
    t.is((await get(api.endpoint, query)).status, 200);
    await Promise.all(closed);
    clearInterval(drip);
    t.true(performance.now() - begun < 20_000);
  });
}
