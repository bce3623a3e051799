// An appliance that is taken over has its key and certificate. With them nobody reads or changes anything besides that
// appliance's own document: not of another appliance, not of a host, not of the orchestrator.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { connect } from 'node:tls';
import { type CertificateRole, DocumentDigest, formatJoinToken, type Push } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import { startTestApi } from '@isthmus/orchestrator/api/testing';
import test, { type ExecutionContext } from 'ava';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import { ApplianceUnreachableError, HostUnreachableError } from '../../orchestrator/drivers/errors.ts';
import { HostClient } from '../../orchestrator/drivers/host-client.ts';
import { JoinClient } from '../../orchestrator/drivers/join-client.ts';
import { createAgent } from '../../services/agent/src/agent.ts';
import { createApi } from '../../services/agent/src/appliance/api.ts';
import { Certificates } from '../../services/agent/src/appliance/certificates.ts';
import { ControlServer } from '../../services/agent/src/appliance/control-server.ts';
import { IdentityStore } from '../../services/agent/src/appliance/identity-store.ts';
import { routerRoutes } from '../../services/agent/src/appliance/router-role.ts';
import { ControlPki, type Credentials } from '../lab/control-pki.ts';
import { joiningHost } from './host-agent-join-fixture.ts';

const installation = 'ab12';
const host = createHost({ log: silentLog });

let pki: ControlPki;
test.before(async () => {
  pki = await ControlPki.create(installation);
});

interface Running {
  readonly id: string;
  readonly port: number;
  readonly own: Credentials;
  /** The file that holds its identity. */
  readonly identityPath: string;
}

/** An appliance's agent with no services, behind the real control server on loopback. */
async function appliance(t: ExecutionContext): Promise<Running> {
  const folder = await mkdtemp('/tmp/isthmus-appliance-');
  const id = randomUUID();
  const own = await pki.issue('appliance', id);
  const store = new IdentityStore(host.files, `${folder}/identity`);
  const identity = {
    ...{ id, installation, privateKey: own.privateKey, pendingKey: null, nics: [], driveSha256: '' },
    grant: { certificate: own.certificate, authorities: [pki.authority.certificate], revoked: [] },
    control: {
      macAddress: parseMacAddress('02:00:00:00:00:0c'),
      address: parseIpv4Address('169.254.20.7'),
      prefixLength: 22,
      gateway: parseIpv4Address('169.254.20.1'),
    },
  };
  await store.save(identity);
  const agent = await createAgent({ host, paths: { state: `${folder}/state`, run: `${folder}/run` }, services: [] });
  const certificates = new Certificates(store, identity, (changed) => server.use(changed));
  const bootReport = async () => ({ version: 'test', stages: [], memoryUsedBytes: 0 });
  const running = { version: 'test', sha256: 'a'.repeat(64) };
  const updates = { report: async () => ({ running, trial: false, failed: null }), take: async () => false };
  const api = createApi({
    status: () => agent.status(),
    route: routerRoutes(agent),
    certificates,
    bootReport,
    updates,
    log: silentLog,
  });
  const server = new ControlServer(identity, api, silentLog);
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(async () => {
    await server.close();
    await agent.release();
    await rm(folder, { recursive: true, force: true });
  });
  return { id, port, own, identityPath: `${folder}/identity/identity.json` };
}

/** A client of `to` that shows the certificate of whoever. */
function clientOf(t: ExecutionContext, to: Running, shown: Credentials): ApplianceClient {
  const openTunnel = async () => createConnection(to.port, '127.0.0.1');
  const client = new ApplianceClient({ id: to.id, identity: pki.identity(shown), openTunnel });
  t.teardown(() => client.close());
  return client;
}

const hash = new DocumentDigest().value();
const target = { epoch: '00000000-0000-4000-8000-000000000001', generation: 1, hash };
const push: Push = { fencingToken: 1, base: null, target, settings: {}, entries: {} };

test('the agent of an appliance heeds orchestrators, and neither itself nor another appliance nor a host', async (t) => {
  const [victim, taken] = [await appliance(t), await appliance(t)];
  const orchestrator = clientOf(t, victim, await pki.issue('orchestrator', 'ab12-node'));
  t.is((await orchestrator.status()).serving, null);
  const thieves: readonly Credentials[] = [taken.own, victim.own, await pki.issue('host', randomUUID())];
  for (const thief of thieves) {
    const calls: ((client: ApplianceClient) => Promise<unknown>)[] = [
      (client) => client.status(),
      (client) => client.exportState(),
      (client) => client.push(push),
      (client) => client.certificateRequest(),
      (client) => client.putRevocations({ revoked: [] }),
      (client) => client.bootReport(),
    ];
    for (const call of calls) {
      await t.throwsAsync(call(clientOf(t, victim, thief)), { instanceOf: ApplianceUnreachableError });
    }
  }
  t.is((await orchestrator.status()).serving, null);
});

test('what it may be asked to sign names itself, whatever the request says', async (t) => {
  const taken = await appliance(t);
  const orchestrator = clientOf(t, taken, await pki.issue('orchestrator', 'ab12-node'));
  // The orchestrator asks, and puts the name that it asked for into the certificate: a request has none.
  const request = await orchestrator.certificateRequest();
  t.deepEqual(Object.keys(request).sort(), ['proof', 'publicKey']);
  await t.throwsAsync(orchestrator.putCertificate(await pki.grant('appliance', randomUUID(), request.publicKey)), {
    message: /certificate: names/,
  });
  await t.throwsAsync(orchestrator.putCertificate(await pki.grant('orchestrator', taken.id, request.publicKey)), {
    message: /certificate: names/,
  });
  await orchestrator.putCertificate(await pki.grant('appliance', taken.id, request.publicKey));
  orchestrator.renewConnections();
  await orchestrator.status();
  t.not(orchestrator.shownSerialNumber(), taken.own.serialNumber);
  t.regex(await readFile(taken.identityPath, 'utf8'), /BEGIN PRIVATE KEY/);
});

test('a host agent heeds none of its appliances', async (t) => {
  const joined = await joiningHost(t);
  await joined.start('--join', formatJoinToken(joined.token));
  const joining = new JoinClient(joined.url, joined.token);
  t.teardown(() => joining.close());
  const { request } = await joining.offer();
  await joining.grant({
    installation: joined.installation,
    hostId: joined.token.hostId,
    grant: await joined.grantFor(request),
  });
  const stolen = await joined.caller({ role: 'appliance' });
  const client = new HostClient(joined.url, { hostId: joined.token.hostId, identity: stolen.identity });
  t.teardown(() => client.close());
  for (const call of [
    () => client.report(),
    () => client.appliances(),
    () => client.deleteAppliance(randomUUID()),
    () => client.openTunnel(randomUUID()),
    () => client.certificateRequest(),
  ]) {
    await t.throwsAsync<Error>(call(), { instanceOf: HostUnreachableError });
  }
});

test('the API of the orchestrator takes a certificate for no account', async (t) => {
  const api = await startTestApi();
  t.teardown(() => api.close());
  const { port } = new URL(api.endpoint);
  const stolen = await pki.issue('appliance', randomUUID());
  const handshake = await new Promise<string>((resolve) => {
    const { certificate: cert, privateKey: key } = stolen;
    const socket = connect({ host: '127.0.0.1', port: Number(port), cert, key, rejectUnauthorized: false });
    socket.on('secureConnect', () => resolve('a secure connection'));
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
  });
  t.not(handshake, 'a secure connection');
  for (const role of ['appliance', 'orchestrator'] satisfies CertificateRole[]) {
    const headers = { 'x-ssl-client-cert': encodeURIComponent((await pki.issue(role, 'x')).certificate) };
    const answer = await fetch(`${api.endpoint}?command=listRouters&response=json`, { headers });
    t.is(answer.status, 401);
  }
});
