import { createPublicKey, verify } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createConnection } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type CertificateHolder, certificateRequestContext } from '@isthmus/contract';
import { MemoryFiles, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { bench, Pusher } from '../agent-fixture.ts';
import { createApi } from './api.ts';
import { configOf, holder, id, identityOf, installation } from './appliance-fixture.ts';
import { Certificates } from './certificates.ts';
import { TestAuthority, type TestCertificate } from './certificates-fixture.ts';
import { ControlServer } from './control-server.ts';
import { IdentityStore } from './identity-store.ts';
import { routerRoutes } from './router-role.ts';

const orchestrator: CertificateHolder = { installation, role: 'orchestrator', id: 'one' };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An agent over fake services behind a control server on loopback. */
async function served(t: ExecutionContext, revoked: readonly string[] = [], log = silentLog) {
  const authority = await TestAuthority.create();
  const identity = identityOf(await configOf(authority));
  const files = new MemoryFiles();
  const { agent } = await bench(files);
  const store = new IdentityStore(files, '/identity');
  const certificates = new Certificates(
    store,
    { ...identity, grant: { ...identity.grant, revoked: [...revoked] } },
    (next) => server.use(next),
  );
  const bootReport = async () => ({ version: '0.1.0', stages: [], memoryUsedBytes: 1 });
  const running = { version: '0.1.0', sha256: 'a'.repeat(64) };
  const updates = { report: async () => ({ running, trial: false, failed: null }), take: async () => false };
  const listener = createApi({
    status: () => agent.status(),
    route: routerRoutes(agent),
    certificates,
    bootReport,
    updates,
    log,
  });
  const server: ControlServer = new ControlServer(certificates.identity, listener, log);
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.close());
  t.teardown(() => agent.release());
  const open = (credentials: TestCertificate | null, more: ConnectionOptions = {}) =>
    openTo(port, authority, credentials, more);
  return { authority, certificates, store, server, port, open, pusher: new Pusher() };
}

/** A TLS connection that has finished its handshake. Rejects where it ends in it. */
async function openTo(
  port: number,
  authority: TestAuthority,
  credentials: TestCertificate | null,
  more: ConnectionOptions,
): Promise<TLSSocket> {
  const own = credentials === null ? {} : { cert: credentials.certificate, key: credentials.privateKey };
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: [authority.certificate],
    ...own,
    checkServerIdentity: () => undefined,
    ...more,
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

function ask(socket: TLSSocket, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => socket,
      method,
      path,
      headers: { connection: 'keep-alive' },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) }),
      );
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The bytes that come back to a request, where the connection ends without an answer: none. */
async function rawAnswer(open: () => Promise<TLSSocket>): Promise<string> {
  try {
    const socket = await open();
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString();
    });
    socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    return text;
  } catch {
    return '';
  }
}

test('who hangs up before the handshake is not worth a warning, who speaks no TLS is', async (t) => {
  const told = new EventEmitter();
  const warnings: string[] = [];
  const warn = (message: string) => {
    warnings.push(message);
    told.emit('warn');
  };
  const { port } = await served(t, [], { ...silentLog, warn, debug: () => told.emit('debug') });
  const looked = once(told, 'debug');
  const look = createConnection(port, '127.0.0.1', () => look.end());
  await looked;
  t.deepEqual(warnings, []);
  const refused = once(told, 'warn');
  const stranger = createConnection(port, '127.0.0.1', () => stranger.write('GET / HTTP/1.1\r\n\r\n'));
  stranger.on('error', () => {});
  await refused;
  t.deepEqual(warnings, ['a control connection was refused']);
  stranger.destroy();
});

test('an orchestrator of the installation is answered', async (t) => {
  const { authority, open, pusher } = await served(t);
  const socket = await open(await authority.issue(orchestrator));
  t.is(socket.getProtocol(), 'TLSv1.3');
  t.is(socket.getPeerX509Certificate()?.subjectAltName, `URI:urn:isthmus:${installation}:appliance:${id}`);
  t.like(await ask(socket, 'GET', '/v1/status'), { status: 200, body: { serving: null } });
  const full = pusher.full();
  const other = await open(await authority.issue(orchestrator));
  t.deepEqual(await ask(other, 'POST', '/v1/push', full), { status: 200, body: { identity: full.target } });
  const stale = { ...pusher.full(), fencingToken: 0 };
  const third = await open(await authority.issue(orchestrator));
  t.like(await ask(third, 'POST', '/v1/push', stale), { status: 409, body: { code: 'stale-fencing-token' } });
  for (const [method, path, body, status, code] of [
    ['GET', '/v1/nothing', undefined, 404, 'not-found'],
    ['DELETE', '/v1/status', undefined, 404, 'not-found'],
    ['PUT', '/v1/revocations', { revoked: ['xyz'] }, 400, 'invalid'],
    ['PUT', '/v1/state', { dnsmasq: 1 }, 400, 'invalid'],
  ] as const) {
    const connection = await open(await authority.issue(orchestrator));
    t.like(await ask(connection, method, path, body), { status, body: { code } }, path);
  }
});

test('nobody else is answered at all', async (t) => {
  const authority = await TestAuthority.create();
  const revoked = await authority.issue(orchestrator);
  const { open, authority: own } = await served(t, []);
  const issue = (who: Partial<CertificateHolder>, hours?: { from?: number; to?: number }) =>
    own.issue({ ...orchestrator, ...who }, hours);
  const rows: readonly (readonly [string, TestCertificate | null, ConnectionOptions?])[] = [
    ['no certificate', null],
    ['another authority', revoked],
    ['expired', await issue({}, { from: -3, to: -2 })],
    ['not good yet', await issue({}, { from: 2, to: 3 })],
    ['another appliance', await issue({ role: 'appliance', id: '11111111-1111-4111-8111-111111111111' })],
    ['the appliance itself', await own.issue(holder)],
    ['a host', await issue({ role: 'host' })],
    ['another installation', await issue({ installation: 'cd34' })],
    ['TLS 1.2', await issue({}), { maxVersion: 'TLSv1.2' }],
  ];
  for (const [name, credentials, more] of rows) t.is(await rawAnswer(() => open(credentials, more ?? {})), '', name);
  t.regex(
    await rawAnswer(async () => {
      const socket = await open(await issue({}));
      setTimeout(() => socket.end(), 300);
      return socket;
    }),
    /^HTTP\/1\.1 200/,
  );
});

test('a revoked certificate ends its open connections and opens no more', async (t) => {
  const { authority, open } = await served(t);
  const [leaked, good] = [await authority.issue(orchestrator), await authority.issue(orchestrator)];
  const stays = await open(good);
  const goes = await open(leaked);
  t.is((await ask(goes, 'GET', '/v1/boot')).status, 200);
  const idle = await open(leaked);
  const closed = once(idle, 'close');
  const answer = await ask(await open(good), 'PUT', '/v1/revocations', { revoked: [leaked.serialNumber] });
  t.deepEqual(answer, { status: 204, body: null });
  await closed;
  t.is(await rawAnswer(() => open(leaked)), '');
  t.is((await ask(stays, 'GET', '/v1/boot')).status, 200);
  await ask(await open(good), 'PUT', '/v1/revocations', { revoked: [] });
  t.regex(
    await rawAnswer(async () => {
      const socket = await open(leaked);
      setTimeout(() => socket.end(), 300);
      return socket;
    }),
    /^HTTP/,
  );
});

test('a certificate is renewed under an open connection, and is on disk before it is answered', async (t) => {
  const { authority, open, store } = await served(t);
  const client = await authority.issue(orchestrator);
  const stays = await open(client);
  const before = stays.getPeerX509Certificate()?.serialNumber;
  const asked = await ask(await open(client), 'POST', '/v1/certificate/request');
  const { publicKey, proof } = asked.body as { publicKey: string; proof: string };
  const key = createPublicKey(publicKey);
  t.true(verify('sha256', Buffer.from(`${certificateRequestContext}${publicKey}`), key, Buffer.from(proof, 'base64')));
  // The key in use is the old one until the grant comes.
  t.is((await open(client)).getPeerX509Certificate()?.serialNumber, before);
  const renewed = await authority.sign(holder, key);
  const grant = authority.grant(renewed.certificate);
  t.is((await ask(await open(client), 'PUT', '/v1/certificate', grant)).status, 204);
  t.is((await store.load())?.grant.certificate, renewed.certificate);
  t.is((await store.load())?.pendingKey, null);
  t.is((await open(client)).getPeerX509Certificate()?.serialNumber, renewed.serialNumber);
  t.is((await ask(stays, 'GET', '/v1/boot')).status, 200);
  // While the CA itself is replaced, both are trusted, and then the new one alone.
  const next = await TestAuthority.create('the next authority');
  const again = await ask(await open(client), 'POST', '/v1/certificate/request');
  const nextKey = createPublicKey((again.body as { publicKey: string }).publicKey);
  const signed = await next.sign(holder, nextKey);
  const both = { ...next.grant(signed.certificate), authorities: [authority.certificate, next.certificate] };
  t.is((await ask(await open(client), 'PUT', '/v1/certificate', both)).status, 204);
  const trusting = { ca: [authority.certificate, next.certificate] };
  t.is((await ask(await open(client, trusting), 'GET', '/v1/boot')).status, 200);
  t.is((await ask(await open(await next.issue(orchestrator), trusting), 'GET', '/v1/boot')).status, 200);
});

test('a grant that does not fit changes nothing', async (t) => {
  const { authority, open, store, certificates } = await served(t);
  const client = await authority.issue(orchestrator);
  const put = async (grant: unknown) => ask(await open(client), 'PUT', '/v1/certificate', grant);
  const unasked = await authority.issue(holder);
  t.like(await put(authority.grant(unasked.certificate)), { status: 400, body: { code: 'invalid' } });
  const asked = await ask(await open(client), 'POST', '/v1/certificate/request');
  const key = createPublicKey((asked.body as { publicKey: string }).publicKey);
  const before = await store.load();
  const stranger = await TestAuthority.create('another authority');
  const good = await authority.sign(holder, key);
  const rows: readonly (readonly [string, unknown, RegExp])[] = [
    ['another key', authority.grant(unasked.certificate), /for the key/],
    [
      'another holder',
      authority.grant((await authority.sign({ ...holder, id: 'x' }, key)).certificate),
      /expected URI/,
    ],
    ['a role', authority.grant((await authority.sign({ ...orchestrator }, key)).certificate), /expected URI/],
    ['another authority', { ...authority.grant((await stranger.sign(holder, key)).certificate) }, /has signed/],
    ['expired', authority.grant((await authority.sign(holder, key, { from: -3, to: -2 })).certificate), /is good from/],
    ['revoked', authority.grant(good.certificate, [good.serialNumber]), /is revoked/],
    ['no certificate', authority.grant('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /PEM/],
    ['no authorities', { ...authority.grant(good.certificate), authorities: [] }, /authorities/],
  ];
  for (const [name, grant, expected] of rows) {
    const { status, body } = await put(grant);
    t.is(status, 400, name);
    t.regex((body as { message: string }).message, expected, name);
  }
  t.deepEqual(await store.load(), before);
  t.is(certificates.identity.pendingKey, before?.pendingKey ?? null);
  t.is((await put(authority.grant(good.certificate))).status, 204);
});
