// The page of a console over HTTP: what it may load and reach, and what nobody gets out of it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { macFromNumber, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Db } from '../store/database.ts';
import { openTestDatabase, type TestDatabase } from '../store/testing.ts';
import { addZone, type Zone } from '../store/zone-fixture.ts';
import { contentSecurityPolicy, renderConsolePage, serveConsolePage } from './console-page.ts';

const script = 'main-ABCDEFGH.js';
const files: Readonly<Record<string, string>> = {
  [script]: 'export const page = 1;\n'.repeat(100),
  'main-ABCDEFGH.css': 'body { margin: 0 }\n',
  'notices-00000000.txt': 'noVNC\n',
};

let database: TestDatabase;
let server: FastifyInstance;
let web: string;
let zone: Zone;
let zoneId: string;

test.before(async () => {
  database = await openTestDatabase();
  web = await mkdtemp('/tmp/isthmus-web-');
  await mkdir(`${web}/console`);
  zone = await addZone(database.db);
  ({ zoneId } = zone);
  server = Fastify({ logger: false, routerOptions: { ignoreTrailingSlash: true } });
  serveConsolePage(server, database.db, web);
});
test.after.always(async () => {
  await server?.close();
  await database?.close();
  await rm(web, { recursive: true, force: true });
});

async function writeFiles(): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await writeFile(`${web}/console/${name}`, content);
    await writeFile(`${web}/console/${name}.br`, brotliCompressSync(content));
    await writeFile(`${web}/console/${name}.gz`, gzipSync(content));
  }
  const [, style, notices] = Object.keys(files);
  const manifest = { sources: 'x', script, style, notices, files: Object.keys(files) };
  await writeFile(`${web}/console/manifest.json`, JSON.stringify(manifest));
}

const get = (url: string, headers: Record<string, string> = {}) => server.inject({ method: 'GET', url, headers });

async function setting(name: string, value: string): Promise<void> {
  const row = { name, value };
  await database.db
    .insertInto('configuration')
    .values(row)
    .onConflict((on) => on.column('name').doUpdateSet({ value }))
    .execute();
}

test.serial('before the page is built, it says so', async (t) => {
  const answer = await get(`/console/${zoneId}`);
  t.is(answer.statusCode, 503);
  t.regex(answer.body, /npm start/);
  await writeFiles();
  t.is((await get(`/console/${zoneId}`)).statusCode, 200);
});

test.serial('the page names its files, the zone and nothing else; nothing of it is kept or sent on', async (t) => {
  const { statusCode, headers, body } = await get(`/console/${zoneId}`);
  t.is(statusCode, 200);
  t.is(headers['content-type'], 'text/html; charset=utf-8');
  t.is(headers['cache-control'], 'no-store');
  t.is(headers['referrer-policy'], 'no-referrer');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.is(headers['cross-origin-opener-policy'], 'same-origin');
  const [, nonce] = /'nonce-([\w-]{22})'/.exec(String(headers['content-security-policy'])) ?? [];
  t.is(
    headers['content-security-policy'],
    `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data: blob:; ` +
      "connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
  );
  t.true(body.includes(`<script type="module" src="/console/assets/${script}"></script>`));
  t.true(body.includes(`{"zone":"${zoneId}","proxies":[],"extra":false}`));
  t.notRegex(body, /https?:|<style|onload|javascript:/);
  const again = await get(`/console/${zoneId}`);
  t.not(again.headers['content-security-policy'], headers['content-security-policy']);
});

test.serial('settings say who may frame it, and whether a further token is asked for', async (t) => {
  await setting('console.allowed.origins', 'https://cloud.example.org, https://other.example.org');
  await setting('consoleproxy.extra.security.validation.enabled', 'true');
  const { headers, body } = await get(`/console/${zoneId.toUpperCase()}`);
  t.regex(
    String(headers['content-security-policy']),
    /frame-ancestors 'self' https:\/\/cloud\.example\.org https:\/\/other\.example\.org;/,
  );
  t.true(body.includes('"extra":true'));
});

test.serial('a HEAD has the headers of a GET, and other methods are none', async (t) => {
  const head = await server.inject({ method: 'HEAD', url: `/console/${zoneId}` });
  t.is(head.statusCode, 200);
  t.is(head.body, '');
  t.truthy(head.headers['content-security-policy']);
  t.is((await server.inject({ method: 'POST', url: `/console/${zoneId}`, payload: {} })).statusCode, 404);
});

test.serial('a zone that is none is told so in words, and nothing is redirected', async (t) => {
  const urls = [
    '00000000-0000-4000-8000-000000000000',
    'x',
    "'--",
    '%3Cscript%3E',
    '..%2f..%2fetc%2fpasswd',
    '%2f%2fevil.example',
  ];
  for (const zone of urls) {
    const { statusCode, headers, body } = await get(`/console/${zone}`);
    t.is(statusCode, 404, zone);
    t.is(headers.location, undefined);
    t.regex(body, /There is no such console/);
    t.false(body.includes('evil') || body.includes('<script'));
  }
});

test.serial('files come packed, for ever, of their type; none that is not in the list', async (t) => {
  const plain = await get(`/console/assets/${script}`);
  t.is(plain.body, files[script] ?? 'none');
  t.is(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  t.is(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.is(plain.headers['content-encoding'], undefined);
  for (const [accepted, encoding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['identity', undefined],
  ] as const) {
    const { headers, rawPayload } = await get(`/console/assets/${script}`, { 'accept-encoding': accepted });
    t.is(headers['content-encoding'], encoding, accepted);
    t.is(headers.vary, 'Accept-Encoding');
    t.true(encoding === undefined || rawPayload.length < 200);
  }
  const head = await server.inject({ method: 'HEAD', url: `/console/assets/${script}` });
  t.is(head.headers['content-length'], String(files[script]?.length));
  for (const name of [
    '',
    'manifest.json',
    `${script}.br`,
    '..%2fmanifest.json',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '__proto__',
    'constructor',
  ]) {
    t.is((await get(`/console/assets/${name}`)).statusCode, 404, name);
  }
});

test.serial('a path that leaves the folder is none, as it comes over the wire', async (t) => {
  await server.listen({ host: '127.0.0.1', port: 0 });
  const [address] = server.addresses();
  const port = typeof address === 'object' ? address.port : 0;
  for (const path of [
    '/console/assets/../manifest.json',
    '/console/assets/../../../../etc/passwd',
    '//evil.example/..',
    '/console/assets//etc/passwd',
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET ${path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    t.regex(answer, /^HTTP\/1\.1 (?:400|404) /, path);
    t.notRegex(answer, /location:|root:|"sources"/i, path);
  }
});

test.serial('the proxies of the zone are what the page may reach, and no others', async (t) => {
  await setting('consoleproxy.url.port', '0');
  await addProxy(database.db, '203.0.113.7');
  const { headers, body } = await get(`/console/${zoneId}`);
  t.regex(String(headers['content-security-policy']), /connect-src 'self' ws:\/\/203\.0\.113\.7:8080;/);
  t.regex(body, /"proxies":\[\{"id":"[0-9a-f-]{36}","socket":"ws:\/\/203\.0\.113\.7:8080\/websockify"\}\]/);
});

test('what stands in the data of the page ends no element', (t) => {
  const evil = '</script><script>alert(1)</script><!--';
  const content = { zoneId: evil, proxies: [], extra: false, frameOrigins: [] };
  const html = renderConsolePage(content, { script: 's', style: 'c', notices: 'n', files: new Map() }, 'nonce');
  t.false(html.includes(evil));
  t.is(html.match(/<script/g)?.length, 2);
  t.true(html.includes('\\u003c/script\\u003e'));
});

test('two proxies at one address are one origin', (t) => {
  const proxies = ['a', 'b'].map((id) => ({ id, socket: 'wss://p.example.org:8443/websockify', takesSessions: true }));
  t.regex(
    contentSecurityPolicy({ proxies, frameOrigins: [] }, 'x'),
    /connect-src 'self' wss:\/\/p\.example\.org:8443;/,
  );
});

/** A console proxy that runs, with a public address. */
async function addProxy(db: Db, address: string): Promise<void> {
  const id = (row: { id: string }) => row.id;
  const range = await db
    .insertInto('vlan_ip_range')
    .values({
      zone_id: zoneId,
      physical_network_id: zone.physicalNetworkId,
      vlan: 'vlan://untagged',
      gateway: parseIpv4Address('203.0.113.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: parseIpv4Address(address),
      end_ip: parseIpv4Address(address),
      account_id: null,
      domain_id: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
    .then(id);
  const publicAddress = await db
    .insertInto('public_ip_address')
    .values({
      address: parseIpv4Address(address),
      address_number: 1,
      vlan_ip_range_id: range,
      zone_id: zoneId,
      account_id: null,
      domain_id: null,
      network_id: null,
      static_nat_nic_id: null,
      static_nat_state: null,
      allocated: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
    .then(id);
  const offering = await db
    .insertInto('service_offering')
    .values({ name: 'o', display_text: 'o', cpu_number: 1, cpu_speed: 500, memory: 128, system_vm_type: null })
    .returning('id')
    .executeTakeFirstOrThrow()
    .then(id);
  await db
    .insertInto('system_vm')
    .values({
      name: 'v-1-VM',
      type: 'consoleproxy',
      zone_id: zoneId,
      pod_id: zone.podId,
      service_offering_id: offering,
      public_ip_address_id: publicAddress,
      public_mac_address: macFromNumber(1),
      state: 'Running',
    })
    .execute();
}
