import test from 'ava';
import {
  type StickinessMethod,
  stickinessEntry,
  stickinessMethods,
  stickinessPairs,
  stickinessParameters,
  supportedStickinessMethods,
} from './load-balancer-stickiness.ts';

const ruleId = '6f9619ff-8b86-d011-b42d-00c04fc964ff';
const entry = (method: StickinessMethod, params: Readonly<Record<string, string>> = {}) =>
  stickinessEntry(
    method,
    Object.entries(params).map(([name, value]) => ({ name, value })),
    ruleId,
  );

test('each method has its defaults', (t) => {
  t.deepEqual(entry('LbCookie'), {
    method: 'lb-cookie',
    cookieName: 'lbcookie-6f9619ff',
    mode: 'insert',
    noCache: false,
    indirect: false,
    postOnly: false,
    domains: [],
  });
  t.deepEqual(entry('AppCookie', { 'cookie-name': 'JSESSIONID' }), {
    method: 'app-cookie',
    cookieName: 'JSESSIONID',
    length: 52,
    expireMs: 10_800_000,
    tableSize: 204_800,
    requestLearn: false,
    prefix: false,
    pathParameters: true,
  });
  t.deepEqual(entry('SourceBased'), { method: 'source', expireMs: 10_800_000, tableSize: 204_800 });
});

test('flags are set by being named, as on the field, unless they say false', (t) => {
  const flags = { nocache: '', indirect: 'true', postonly: 'false' };
  t.like(entry('LbCookie', { ...flags, mode: 'Prefix', 'cookie-name': 'SRV' }), {
    noCache: true,
    indirect: true,
    postOnly: false,
    mode: 'prefix',
    cookieName: 'SRV',
  });
  t.like(entry('AppCookie', { 'cookie-name': 'S', 'request-learn': '', length: '512' }), {
    requestLearn: true,
    length: 512,
  });
});

test('times and sizes have the field’s units', (t) => {
  for (const [expire, expireMs] of [
    ['20s', 20_000],
    ['30m', 1_800_000],
    ['4h', 14_400_000],
    ['5d', 432_000_000],
    ['24d', 2_073_600_000],
    ['5000', 5_000],
  ] as const) {
    t.like(entry('SourceBased', { expire }), { expireMs }, expire);
    t.like(entry('AppCookie', { 'cookie-name': 'S', holdtime: expire }), { expireMs }, expire);
  }
  for (const [tablesize, tableSize] of [
    ['200k', 204_800],
    ['1m', 1_048_576],
    ['500', 500],
  ] as const) {
    t.like(entry('SourceBased', { tablesize }), { tableSize }, tablesize);
  }
});

test('a cookie may be for several domains', (t) => {
  const params = ['example.org', '.example.net'].map((value) => ({ name: 'domain', value }));
  t.like(stickinessEntry('LbCookie', params, ruleId), { domains: ['example.org', '.example.net'] });
});

for (const [method, params, named] of [
  ['LbCookie', { expire: '30m' }, 'param'],
  ['LbCookie', { holdtime: '30m' }, 'param'],
  ['LbCookie', { mode: 'replace' }, 'mode'],
  ['LbCookie', { mode: 'rewrite' }, 'cookie-name'],
  ['LbCookie', { mode: 'rewrite', 'cookie-name': 'S', indirect: 'true' }, 'indirect'],
  ['LbCookie', { 'cookie-name': 'two words' }, 'cookie-name'],
  ['LbCookie', { 'cookie-name': 'a;b' }, 'cookie-name'],
  ['LbCookie', { 'cookie-name': '' }, 'cookie-name'],
  ['LbCookie', { 'cookie-name': 'x'.repeat(65) }, 'cookie-name'],
  ['LbCookie', { nocache: 'yes' }, 'nocache'],
  ['LbCookie', { domain: 'a b' }, 'domain'],
  ['LbCookie', { domain: '' }, 'domain'],
  ['AppCookie', {}, 'cookie-name'],
  ['AppCookie', { 'cookie-name': 'S', length: '0' }, 'length'],
  ['AppCookie', { 'cookie-name': 'S', length: '513' }, 'length'],
  ['AppCookie', { 'cookie-name': 'S', length: '5k' }, 'length'],
  ['AppCookie', { 'cookie-name': 'S', holdtime: '20h30m' }, 'holdtime'],
  ['AppCookie', { 'cookie-name': 'S', mode: 'query-string' }, 'mode'],
  ['AppCookie', { 'cookie-name': 'S', prefix: 'true' }, 'prefix'],
  ['SourceBased', { 'cookie-name': 'S' }, 'param'],
  ['SourceBased', { expire: '25d' }, 'expire'],
  ['SourceBased', { expire: '0s' }, 'expire'],
  ['SourceBased', { expire: '-1s' }, 'expire'],
  ['SourceBased', { expire: 'soon' }, 'expire'],
  ['SourceBased', { tablesize: '300m' }, 'tablesize'],
  ['SourceBased', { tablesize: '0' }, 'tablesize'],
  ['SourceBased', { tablesize: '1e3' }, 'tablesize'],
] as const) {
  test(`${method} refuses ${JSON.stringify(params)}`, (t) => {
    const error = t.throws(() => entry(method, params));
    t.regex(error?.message ?? '', new RegExp(`parameter param.*\\b${named === 'param' ? '' : named}.*expected`));
  });
}

test('a parameter is given once, and by name and value', (t) => {
  const twice = ['30m', '40m'].map((value) => ({ name: 'expire', value }));
  t.throws(() => stickinessEntry('SourceBased', twice, ruleId), { message: /expire: expected to be given once/ });
  t.deepEqual(stickinessPairs([{ name: 'Expire', value: '30m' }, { name: 'nocache' }]), [
    { name: 'expire', value: '30m' },
    { name: 'nocache', value: '' },
  ]);
  t.throws(() => stickinessPairs([{ value: '30m' }]), { message: /param: expected param\[n\]\.name/ });
  t.throws(() => stickinessPairs([{ name: 'a', value: 'b', else: 'c' }]), { message: /"else" for parameter param/ });
});

test('the capability tells of every method and parameter', (t) => {
  const told = JSON.parse(supportedStickinessMethods()) as { methodname: string; paramlist: { paramname: string }[] }[];
  t.deepEqual(
    told.map(({ methodname, paramlist }) => [methodname, paramlist.map(({ paramname }) => paramname)]),
    stickinessMethods.map((method) => [method, Object.keys(stickinessParameters[method])]),
  );
});
