// Load balancers of a router with real clients: curl, wrk, openssl, nc. Without an orchestrator, whose part is tested in
// load-balancing.test.ts.
import { RefusedError } from '@isthmus/agent';
import { parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../lab/index.ts';
import { publicAddress } from '../lab/router-document.ts';
import { type Balanced, balancedFor, certificateOf, members, membersOf, rule } from './load-balancing-fixture.ts';

const [first = '', second = '', third = ''] = members;

async function times<Value>(count: number, run: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let index = 0; index < count; index += 1) values.push(await run());
  return values;
}

async function refused(t: ExecutionContext, balanced: Balanced, push: ReturnType<Balanced['writer']['add']>) {
  const error = await t.throwsAsync(balanced.push(push), { instanceOf: RefusedError });
  return error.refusal;
}

async function memberState(balanced: Balanced, member: string) {
  return (await balanced.statistics()).members.find((each) => each.member === member);
}

test.serial('each mode leads to members, in turn, by load, by source, and tells who asked', async (t) => {
  const balanced = await balancedFor(t);
  await balanced.add({
    'loadBalancing.rules': {
      rr: rule(80),
      bytes: rule(81, { isHttp: false, algorithm: 'leastconn' }),
      source: rule(82, { algorithm: 'source', isHttp: false }),
      proxy: rule(83, { protocol: 'tcp-proxy', isHttp: false, privatePort: 81 }),
      listed: rule(84, { sources: [parseIpv4Cidr('192.0.2.0/24'), parseIpv4Cidr('198.18.0.0/15')] }),
    },
    'loadBalancing.members': {
      ...membersOf('rr'),
      ...membersOf('bytes'),
      ...membersOf('source'),
      ...membersOf('proxy'),
      ...membersOf('listed'),
    },
  });
  t.deepEqual((await times(3, () => balanced.ask(80))).sort(), [...members]);
  t.true(new Set(await times(12, () => balanced.ask(81))).size > 1);
  t.is(new Set(await times(6, () => balanced.ask(82))).size, 1);
  const client = (await balanced.client.commands.run('ip', ['-4', '-o', 'route', 'get', publicAddress])).stdout;
  const own = /src (\S+)/.exec(client)?.[1] ?? '';
  t.is(JSON.parse(await balanced.curl(80)).headers['x-forwarded-for'], own);
  t.regex(JSON.parse(await balanced.curl(83)).proxy, new RegExp(`^PROXY TCP4 ${own} ${publicAddress} \\d+ 83$`));
  await t.throwsAsync(balanced.curl(84));
  const hairpin = ['--silent', '--max-time', '5', `http://${publicAddress}/`];
  t.regex((await balanced.wires.guest.commands.run('curl', hairpin)).stdout, /"member"/);
  await t.throwsAsync(balanced.curl(85, '/', '--connect-timeout', '2'), undefined, 'a port that no rule has');
  const { rules } = await balanced.statistics();
  const counted = Object.fromEntries(rules.map((each) => [each.rule, each]));
  t.is(counted.rr?.totalConnections, 5);
  t.true((counted.rr?.bytesOut ?? 0) > 300);
  t.true((counted.listed?.deniedConnections ?? 0) >= 1);
});

test.serial('members come, drain and go without a reload, and their checks are reported', async (t) => {
  const balanced = await balancedFor(t);
  const checked = { path: '/alive', intervalMs: 200, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 1 };
  const own = membersOf('r');
  await balanced.add({ 'loadBalancing.rules': { r: rule(80, { healthCheck: checked }) }, 'loadBalancing.members': {} });
  const before = await balanced.workers();
  await balanced.add({ 'loadBalancing.members': own });
  t.deepEqual((await times(3, () => balanced.ask(80))).sort(), [...members]);
  await balanced.add({
    'loadBalancing.members': { 'r-0': { rule: 'r', address: members[0] ?? publicAddress, draining: true } },
  });
  t.false((await times(6, () => balanced.ask(80))).includes(first));
  t.is((await memberState(balanced, 'r-0'))?.state, 'draining');
  await balanced.add({ 'loadBalancing.members': own });
  t.true((await times(6, () => balanced.ask(80))).includes(first));
  await balanced.push(balanced.writer.remove('loadBalancing.members', 'r-1'));
  t.false((await times(6, () => balanced.ask(80))).includes(second));
  await balanced.wires.guest.commands.run('curl', ['--silent', `http://${third}/alive/503`]);
  const down = await waitFor('the check fails', async () => {
    const member = await memberState(balanced, 'r-2');
    return member?.state === 'down' ? member : null;
  });
  t.is(down.lastCheck, 'L7STS/503');
  t.deepEqual(new Set(await times(3, () => balanced.ask(80))), new Set([first]));
  await balanced.wires.guest.commands.run('curl', ['--silent', `http://${third}/alive/200`]);
  await waitFor('the check succeeds', async () => (await memberState(balanced, 'r-2'))?.state === 'up');
  t.deepEqual(await balanced.workers(), before, 'no reload');
  await balanced.restartAgent();
  t.deepEqual(await balanced.workers(), before, 'what is on the disk is what runs');
});

test.serial('a client stays: by a cookie of ours, by one of the application, by its address', async (t) => {
  const balanced = await balancedFor(t);
  const cookie = { method: 'lb-cookie', cookieName: "L'B$1", noCache: true, postOnly: false } as const;
  const table = { expireMs: 60_000, tableSize: 1000 };
  const application = { method: 'app-cookie', cookieName: 'SESSION', length: 52, prefix: false, ...table } as const;
  await balanced.add({
    'loadBalancing.rules': {
      insert: rule(80, { stickiness: { ...cookie, mode: 'insert', indirect: true, domains: [] } }),
      prefix: rule(81, {
        stickiness: { ...cookie, cookieName: 'SESSION', mode: 'prefix', indirect: false, domains: [] },
      }),
      rewrite: rule(82, {
        stickiness: { ...cookie, cookieName: 'SESSION', mode: 'rewrite', indirect: false, domains: [] },
      }),
      app: rule(83, { stickiness: { ...application, requestLearn: false, pathParameters: true } }),
      learn: rule(84, { stickiness: { ...application, requestLearn: true, pathParameters: false } }),
      source: rule(85, { stickiness: { method: 'source', ...table }, isHttp: false }),
    },
    'loadBalancing.members': {},
  });
  const started = performance.now();
  const rules = ['insert', 'prefix', 'rewrite', 'app', 'learn', 'source'];
  // They come at run time, as they do in a cloud, and have their cookies all the same.
  await balanced.add({ 'loadBalancing.members': Object.assign({}, ...rules.map((id) => membersOf(id))) });
  for (const [index, id] of rules.slice(0, 4).entries()) {
    const jar = `${balanced.lab.run}/jar-${id}`;
    const login = JSON.parse(await balanced.curl(80 + index, '/login', '--cookie-jar', jar)).member;
    const answers = await times(4, () => balanced.ask(80 + index, '--cookie', jar));
    t.deepEqual(new Set(answers), new Set([login]), id);
    t.true(new Set(await times(4, () => balanced.ask(80 + index))).size > 1, `${id}: without the cookie`);
  }
  const login = JSON.parse(await balanced.curl(83, '/login/abc')).member;
  const byPath = await times(3, async () => JSON.parse(await balanced.curl(83, '/a;SESSION=abc')).member);
  t.deepEqual(new Set(byPath), new Set([login]), 'path parameter');
  t.is(
    new Set(await times(4, () => balanced.ask(84, '--cookie', 'SESSION=of-the-client'))).size,
    1,
    'learnt from a request',
  );
  const stuck = await balanced.ask(85);
  const before = await balanced.workers();
  // A process teaches its successor only when it has stopped to look for one to learn from: 10 s after a cold start.
  await waitFor('it can teach', async () => performance.now() - started > 11_000);
  await balanced.add({ 'loadBalancing.rules': { more: rule(90) } });
  t.notDeepEqual(await balanced.workers(), before);
  const byTable = async () =>
    new Set(await times(4, async () => JSON.parse(await balanced.curl(83, '/a;SESSION=abc')).member));
  await waitFor('the table comes over', async () => {
    const found = await byTable();
    return found.size === 1 && found.has(login);
  });
  t.deepEqual(new Set(await times(4, () => balanced.ask(85))), new Set([stuck]), 'the table outlives a reload');
});

test.serial('TLS: certificates by name, HTTP/2, and an exchange under a connection that lives', async (t) => {
  const balanced = await balancedFor(t);
  const [a, b, newer] = await Promise.all(
    ['a.example.org', 'b.example.org', 'newer.example.org'].map((name) => certificateOf(balanced, name)),
  );
  if (a === undefined || b === undefined || newer === undefined) throw new Error('no certificate');
  const secure = rule(443, { protocol: 'ssl', certificates: ['a', 'b'] });
  await balanced.add({
    'loadBalancing.certificates': { a, b },
    'loadBalancing.rules': { tls: secure },
    'loadBalancing.members': membersOf('tls'),
  });
  const subject = async (name: string, ...args: string[]) => {
    const words = ['s_client', '-connect', `${publicAddress}:443`, '-servername', name, ...args];
    return (await balanced.client.commands.run('openssl', words, { input: '', okCodes: [0, 1] })).stdout;
  };
  t.regex(await subject('a.example.org'), /subject=CN = a\.example\.org/);
  t.regex(await subject('b.example.org', '-tls1_2'), /subject=CN = b\.example\.org/);
  t.regex(await subject('other.example.org', '-alpn', 'h2'), /subject=CN = a\.example\.org[\s\S]*ALPN protocol: h2/);
  t.notRegex(await subject('a.example.org', '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'), /subject=/);
  t.is(
    await balanced.curl(443, '/', '--insecure', '--http2', '--output', '/dev/null', '--write-out', '%{http_version}'),
    '2',
  );
  const { stdout } = await balanced.lab.machine.commands.run('find', [
    `${balanced.wires.paths.run}/haproxy`,
    '-name',
    '*.pem',
    '-printf',
    '%m ',
  ]);
  t.is(stdout, '600 600 ');
  const stream = await balanced.lab.startDaemon(balanced.client, 'curl', [
    '--insecure',
    '--silent',
    '--no-buffer',
    `https://${publicAddress}:443/stream`,
  ]);
  const received = async () => (await balanced.lab.machine.files.readText(stream.logPath)).length;
  await waitFor('the stream runs', async () => (await received()) > 3);
  const before = await balanced.workers();
  await balanced.add({ 'loadBalancing.certificates': { a: newer } });
  t.regex(await subject('newer.example.org'), /subject=CN = newer\.example\.org/);
  const seen = await received();
  await waitFor('the stream goes on', async () => (await received()) > seen + 3);
  t.deepEqual(await balanced.workers(), before, 'no reload');
  const wrong = await refused(
    t,
    balanced,
    balanced.writer.add({ 'loadBalancing.certificates': { b: { ...b, privateKey: a.privateKey } } }),
  );
  t.deepEqual(wrong.paths, ['loadBalancing.certificates.b.privateKey']);
  t.regex(await subject('b.example.org'), /subject=CN = b\.example\.org/, 'the last good state serves on');
});

test.serial('UDP: in turn and by source; a member that goes ends its own flows', async (t) => {
  const balanced = await balancedFor(t);
  const udp = { protocol: 'udp', isHttp: false, privatePort: 5353 } as const;
  const { healthCheck: _, ...turn } = rule(53, udp);
  const { healthCheck: __, ...source } = rule(54, { ...udp, algorithm: 'source' });
  await balanced.add({
    'loadBalancing.rules': { turn, source },
    'loadBalancing.members': { ...membersOf('turn'), ...membersOf('source') },
  });
  const ask = async (port: number, from: number) => {
    const args = ['-u', '-n', '-w', '1', '-p', String(from), publicAddress, String(port)];
    return (await balanced.client.commands.run('nc', args, { input: '?', okCodes: [0, 1] })).stdout;
  };
  t.deepEqual((await Promise.all([2001, 2002, 2003].map((from) => ask(53, from)))).sort(), [...members]);
  t.is(new Set(await Promise.all([2011, 2012, 2013, 2014].map((from) => ask(54, from)))).size, 1);
  const led = await Promise.all([2001, 2002, 2003].map((from) => ask(53, from)));
  t.deepEqual(led.toSorted(), [...members]);
  const gone = led.indexOf(second);
  const flows = async () =>
    (await balanced.wires.router.commands.run('conntrack', ['-L', '-p', 'udp', '--orig-port-dst', '53'])).stdout;
  t.true((await flows()).includes(`src=${second}`));
  await balanced.push(balanced.writer.remove('loadBalancing.members', 'turn-1'));
  t.false((await flows()).includes(`src=${second}`));
  const after = await Promise.all([2001, 2002, 2003].map((from) => ask(53, from)));
  t.false(after.includes(second));
  for (const [index, member] of after.entries()) if (index !== gone) t.is(member, led[index] ?? '', 'the others stay');
});

test.serial('a reload keeps long and half-closed connections, and what was counted', async (t) => {
  const balanced = await balancedFor(t);
  const long = rule(7, { isHttp: false, privatePort: 7, clientTimeoutMs: 3_600_000, serverTimeoutMs: 3_600_000 });
  await balanced.add({
    'loadBalancing.rules': { long, http: rule(80) },
    'loadBalancing.members': { ...membersOf('long'), ...membersOf('http') },
  });
  const stream = await balanced.lab.startStream(balanced.client, publicAddress, 7);
  await times(5, () => balanced.ask(80));
  const before = (await balanced.statistics()).rules.find((each) => each.rule === 'http');
  t.is(before?.totalConnections, 5);
  for (const port of [8001, 8002, 8003])
    await balanced.add({ 'loadBalancing.rules': { [`more-${port}`]: rule(port) } });
  await times(2, () => balanced.ask(80));
  t.true((await balanced.workers()).length > 1, 'an old worker has the stream');
  const after = (await balanced.statistics()).rules.find((each) => each.rule === 'http');
  t.is(after?.totalConnections, 7);
  t.true((after?.bytesOut ?? 0) > (before?.bytesOut ?? 0));
  const { error, sent, received } = await stream.stop();
  t.is(error, null);
  t.true(sent > 10 && received >= sent - 1);
  const half = await balanced.client.commands.run('nc', ['-n', '-N', '-w', '5', publicAddress, '7'], {
    input: 'x'.repeat(100_000),
  });
  t.is(half.stdout.length, 100_000, 'the answer comes after the client has closed its side');
  await waitFor('the old workers end', async () => (await balanced.workers()).length === 1);
  t.is((await balanced.statistics()).rules.find((each) => each.rule === 'http')?.totalConnections, 7);
  await balanced.restartAgent();
  t.is((await balanced.statistics()).rules.find((each) => each.rule === 'http')?.totalConnections, 7);
});

test.serial('HAProxy runs while there is a rule, is healed, and adopted by the next agent', async (t) => {
  const balanced = await balancedFor(t);
  t.is(await balanced.master(), null);
  await balanced.add({ 'loadBalancing.rules': { r: rule(80) }, 'loadBalancing.members': membersOf('r') });
  const master = (await balanced.master()) ?? 0;
  const [worker = 0] = await balanced.workers();
  const status = await balanced.lab.machine.files.readText(`/proc/${worker}/status`);
  t.notRegex(status, /^Uid:\t0/m);
  const socket = await balanced.lab.machine.commands.run('stat', [
    '-c',
    '%a',
    `${balanced.wires.paths.run}/haproxy/master`,
  ]);
  t.is(socket.stdout.trim(), '600');
  await balanced.restartAgent();
  t.deepEqual([await balanced.master(), await balanced.workers()], [master, [worker]]);
  balanced.lab.machine.commands.signal(worker, 'SIGKILL');
  await waitFor('it serves again', async () => (await balanced.ask(80).catch(() => null)) !== null);
  balanced.lab.machine.commands.signal((await balanced.master()) ?? master, 'SIGKILL');
  await waitFor('it serves again', async () => (await balanced.ask(80).catch(() => null)) !== null);
  await balanced.push(balanced.writer.remove('loadBalancing.members', 'r-0'));
  await balanced.push(balanced.writer.remove('loadBalancing.members', 'r-1'));
  await balanced.push(balanced.writer.remove('loadBalancing.members', 'r-2'));
  await balanced.push(balanced.writer.remove('loadBalancing.rules', 'r'));
  await waitFor('it has ended', async () => (await balanced.master()) === null);
  await balanced.add({ 'loadBalancing.rules': { r: rule(80) }, 'loadBalancing.members': membersOf('r') });
  t.is(typeof (await balanced.ask(80)), 'string');
});

test.serial('wrk sees no failed request while members, rules, a certificate and the agent change', async (t) => {
  const balanced = await balancedFor(t);
  const [a, b] = await Promise.all(['a.example.org', 'b.example.org'].map((name) => certificateOf(balanced, name)));
  if (a === undefined || b === undefined) throw new Error('no certificate');
  await balanced.add({
    'loadBalancing.certificates': { c: a },
    'loadBalancing.rules': { r: rule(80), tls: rule(443, { protocol: 'ssl', certificates: ['c'] }) },
    'loadBalancing.members': { ...membersOf('r'), ...membersOf('tls') },
  });
  const args = [
    '--threads',
    '1',
    '--connections',
    '100',
    '--duration',
    '8s',
    '--timeout',
    '10s',
    `http://${publicAddress}/`,
  ];
  const load = balanced.client.commands.run('wrk', args, { timeoutMs: 60_000 });
  const address = parseIpv4Address(third);
  for (let round = 0; round < 20; round += 1) {
    await balanced.add({ 'loadBalancing.members': { 'r-2': { rule: 'r', address, draining: true } } });
    await balanced.push(balanced.writer.remove('loadBalancing.members', 'r-2'));
    await balanced.add({ 'loadBalancing.members': { 'r-2': { rule: 'r', address } } });
    if (round === 5) await balanced.add({ 'loadBalancing.certificates': { c: b } });
    if (round % 7 === 6) await balanced.add({ 'loadBalancing.rules': { [`n-${round}`]: rule(9000 + round) } });
    if (round === 15) await balanced.restartAgent();
  }
  const { stdout } = await load;
  t.notRegex(stdout, /Socket errors|Non-2xx/);
  t.regex(stdout, /Requests\/sec: +[1-9]/);
});

test.serial('what contradicts itself is refused with its path, and the last good state serves on', async (t) => {
  const balanced = await balancedFor(t);
  await balanced.add({ 'loadBalancing.rules': { r: rule(80) }, 'loadBalancing.members': membersOf('r') });
  const bad: [string, Parameters<Balanced['writer']['add']>[0]][] = [
    ['loadBalancing.rules.x.publicPort', { 'loadBalancing.rules': { x: rule(80) } }],
    [
      'loadBalancing.members.x.address',
      { 'loadBalancing.members': { x: { rule: 'r', address: parseIpv4Address(first) } } },
    ],
    ['loadBalancing.members.x.address', { 'loadBalancing.members': { x: { rule: 'r', address: publicAddress } } }],
    [
      'loadBalancing.members.x.rule',
      { 'loadBalancing.members': { x: { rule: 'y', address: parseIpv4Address('10.1.1.99') } } },
    ],
    [
      'loadBalancing.rules.x.certificates',
      { 'loadBalancing.rules': { x: rule(81, { protocol: 'ssl', certificates: ['c'] }) } },
    ],
    ['loadBalancing.rules.x.certificates', { 'loadBalancing.rules': { x: rule(81, { protocol: 'ssl' }) } }],
    [
      'loadBalancing.rules.x.algorithm',
      { 'loadBalancing.rules': { x: rule(81, { protocol: 'udp', algorithm: 'leastconn' }) } },
    ],
  ];
  for (const [path, upserts] of bad) {
    const lasting = await balancedCopy(balanced, upserts);
    const refusal = await refused(t, balanced, lasting);
    t.true(refusal.paths.includes(path), `${path}: ${refusal.paths.join(', ')}`);
    t.is(typeof (await balanced.ask(80)), 'string');
  }
});

/** A push on top of what the agent serves, of a writer that forgets it: the agent will refuse it. */
async function balancedCopy({ writer }: Balanced, upserts: Parameters<Balanced['writer']['add']>[0]) {
  const { identity } = writer;
  const push = writer.add(upserts);
  for (const [name, entries] of Object.entries(upserts)) {
    for (const id of Object.keys(entries)) writer.remove(name as 'loadBalancing.rules', id);
  }
  writer.identity = identity;
  return push;
}
