// Each file by the renderer's contract: what is valid is written, and read back as it was; what is not is named. HAProxy
// itself judges the golden files in services/router/src/haproxy/checker.test.ts, since only packages/host starts processes.
import { readFile, writeFile } from 'node:fs/promises';
import { parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.ts';
import { parseCertificateList, renderCertificateList } from './certificate-list.ts';
import { quote, readWords, writeLine } from './config-file.ts';
import { parseGlobal, renderGlobal, validateGlobal } from './global.ts';
import { type ProxyConfig, parseProxy, renderProxy, renderProxyHead, validateProxy } from './proxy.ts';
import { parseProcesses, runtime, toWorker } from './runtime.ts';
import { parseServersState, parseStatistics } from './statistics.ts';
import { type ConfigPath, type CookieName, parseConfigPath, parseCookieName, parseProxyName } from './values.ts';

test('a proxy: what is written reads back as it was', (t) => {
  fc.assert(
    fc.property(arbitrary.proxy, (proxy) => {
      t.deepEqual(validateProxy(proxy), []);
      const text = renderProxy(proxy);
      t.deepEqual(parseProxy(text), proxy);
      t.true(text.startsWith(renderProxyHead(proxy)));
      for (const line of text.split('\n')) t.true(line.length < 2048 && line.split(' ').length <= 64);
    }),
  );
});

test('the global file: what is written reads back as it was', (t) => {
  fc.assert(
    fc.property(arbitrary.global, (config) => {
      t.deepEqual(validateGlobal(config), []);
      t.deepEqual(parseGlobal(renderGlobal(config)), config);
    }),
  );
});

test('no text adds a word or a line', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary-ascii', minLength: 1 }), { minLength: 1 }), (words) => {
      const isWritable = words.every((word) => /^[ -~]+$/.test(word));
      if (!isWritable) t.throws(() => writeLine(words));
      else {
        const line = writeLine(words);
        t.false(line.includes('\n'));
        t.deepEqual(readWords(line), words);
      }
    }),
  );
  t.is(quote("it's"), `'it'\\''s'`);
  for (const text of ['a\nb', '', 'é', 'a\0', '\u2028']) t.throws(() => quote(text), { message: /printable ASCII/ });
});

test('text that is read is what would be written', (t) => {
  const texts = fc.stringMatching(/^(listen| {2}(mode|bind|server|balance|acl) [a-z0-9 .:'/-]{0,20}\n){0,5}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), texts), (text) => {
      try {
        t.is(renderProxy(parseProxy(text)), text);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        t.regex(error.message, /expected/);
      }
    }),
  );
});

const path = '/run/isthmus/lists/r1' as ConfigPath;
const proxy: ProxyConfig = {
  name: parseProxyName('r-1'),
  mode: 'http',
  address: parseIpv4Address('203.0.113.10'),
  port: 443,
  tls: { certificateList: path, alpn: ['h2', 'http/1.1'] },
  maxConnections: 4096,
  clientTimeoutMs: 50_000,
  serverTimeoutMs: 50_000,
  connectTimeoutMs: 5_000,
  forwardFor: true,
  sources: [parseIpv4Cidr('198.51.100.0/24')],
  balance: 'source',
  stickiness: {
    kind: 'cookie',
    cookieName: parseCookieName('SRV'),
    mode: 'insert',
    noCache: true,
    indirect: true,
    postOnly: false,
    domains: ['.example.org'],
    key: '1',
  },
  check: { path: "/alive?it's=#1&$x", timeoutMs: 1000 },
  servers: [
    {
      name: parseProxyName('m-1'),
      address: parseIpv4Address('10.1.1.10'),
      port: 80,
      weight: 16,
      proxyProtocol: true,
      check: { intervalMs: 5000, rise: 2, fall: 3 },
    },
  ],
};

async function golden(name: string, text: string): Promise<string> {
  const file = new URL(`golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(file, text);
  return readFile(file, 'utf8');
}

test('golden: a proxy with everything', async (t) => {
  t.is(renderProxy(proxy), await golden('http.cfg', renderProxy(proxy)));
});

test('golden: a proxy of bytes, and one that learns cookies', async (t) => {
  const plain: ProxyConfig = {
    ...proxy,
    name: parseProxyName('r-2'),
    mode: 'tcp',
    port: 80,
    tls: null,
    forwardFor: false,
    sources: [],
    balance: 'leastconn',
    stickiness: { kind: 'source', size: 1000, expireMs: 60_000 },
    check: { path: null, timeoutMs: 1000 },
  };
  t.is(renderProxy(plain), await golden('tcp.cfg', renderProxy(plain)));
  const learning: ProxyConfig = {
    ...plain,
    name: parseProxyName('r-3'),
    mode: 'http',
    port: 81,
    balance: 'roundrobin',
    stickiness: {
      kind: 'application-cookie',
      cookieName: "a'b#c$d%e`f" as CookieName,
      length: 52,
      size: 1000,
      expireMs: 60_000,
      requestLearn: true,
      pathParameters: true,
    },
  };
  t.is(renderProxy(learning), await golden('learning.cfg', renderProxy(learning)));
});

test('what no file can hold is named', (t) => {
  const faulty = (change: object) => validateProxy({ ...proxy, ...change } as ProxyConfig);
  t.regex(faulty({ name: 'a b' })[0]?.message ?? '', /letters, digits/);
  t.regex(faulty({ name: 'FRONTEND' })[0]?.message ?? '', /letters, digits/);
  t.regex(faulty({ check: { path: '/a b', timeoutMs: 1 } })[0]?.message ?? '', /path of printable ASCII/);
  t.regex(faulty({ check: { path: '/a\n  server x 1.2.3.4:5', timeoutMs: 1 } })[0]?.message ?? '', /path of printable/);
  t.regex(faulty({ stickiness: { ...proxy.stickiness, cookieName: 'a;b' } })[0]?.message ?? '', /cookie/);
  t.regex(faulty({ stickiness: { ...proxy.stickiness, domains: ['a b'] } })[0]?.message ?? '', /domain/);
  t.regex(faulty({ clientTimeoutMs: 0 })[0]?.message ?? '', /whole number/);
  t.deepEqual(faulty({ servers: [...proxy.servers, ...proxy.servers] }), [
    { path: 'servers', message: 'expected each name once' },
  ]);
  for (const name of ['', 'a=b', 'a b', 'a"b', 'a\\b', 'a,b', 'a(b', 'é', 'a\n']) t.throws(() => parseCookieName(name));
});

test('certificate lists', (t) => {
  const paths = ['/a/b.pem', '/c.pem'].map(parseConfigPath);
  t.deepEqual(parseCertificateList(renderCertificateList(paths)), paths);
  t.throws(() => renderCertificateList(['/a b.pem' as ConfigPath]));
  t.throws(() => parseCertificateList('/a.pem b\n'), { message: /one path/ });
});

test('commands of the runtime API hold one command', (t) => {
  const ref = { proxy: parseProxyName('r-1'), server: parseProxyName('m-1') };
  const [server] = proxy.servers;
  t.is(
    server && runtime.addServer(proxy.name, server).text,
    'add server r-1/m-1 10.1.1.10:80 weight 16 send-proxy check inter 5000ms rise 2 fall 3',
  );
  t.is(toWorker(7, runtime.setState(ref, 'maint')), '@!7 set server r-1/m-1 state maint\n');
  for (const name of ['a;b', 'a b', 'a\nb']) {
    t.throws(() => runtime.deleteServer({ proxy: name as typeof proxy.name, server: proxy.name }));
  }
  const pem = '-----BEGIN CERTIFICATE-----\nQUJD\n\n-----END CERTIFICATE-----\n';
  t.is(
    toWorker(7, runtime.setCertificate(path, pem)),
    `@!7 set ssl cert ${path} <<\n-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n\n`,
  );
  t.throws(() => runtime.setCertificate(path, 'QUJD\n;show info\n'), { message: /PEM/ });
});

test('answers of the runtime API', (t) => {
  const processes = `#<PID>          <type>          <reloads>       <uptime>        <version>
10              master          2 [failed: 1]   0d00h00m32s     2.6.12-1+deb12u4
# workers
12              worker          1               0d00h00m00s     2.6.12-1+deb12u4
# old workers
11              worker          2               0d00h01m00s     2.6.12-1+deb12u4
# programs

`;
  t.deepEqual(parseProcesses(processes), { master: 10, reloads: 2, failedReloads: 1, worker: 12, former: [11] });
  t.throws(() => parseProcesses('Unknown command'));
  const statistics = `# pxname,svname,scur,stot,bin,bout,status,check_status,check_code,dcon,
r-1,FRONTEND,1,5,10,20,OPEN,,,3,
r-1,m-1,0,4,9,19,DOWN,* L7STS,503,,
`;
  const rest = { current: 1, total: 5, bytesIn: 10, bytesOut: 20, denied: 3, checkStatus: '', checkCode: null };
  t.deepEqual(parseStatistics(statistics)[0], { proxy: 'r-1', server: 'FRONTEND', status: 'OPEN', ...rest });
  t.like(parseStatistics(statistics)[1], { server: 'm-1', status: 'DOWN', checkStatus: 'L7STS', checkCode: 503 });
  t.throws(() => parseStatistics('nothing'));
  const state = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port
2 r-1 1 m-1 10.1.1.10 2 1 16 16 80
`;
  t.deepEqual(parseServersState(state), [
    { proxy: 'r-1', server: 'm-1', address: '10.1.1.10', port: 80, weight: 16, isMaintained: true },
  ]);
  t.throws(() => parseServersState('2\n'));
});
