// A host joins by its token and then serves orchestrators of its installation, and nobody else.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { connect as netConnect } from 'node:net';
import { connect } from 'node:tls';
import { formatJoinToken, type JoinGrant, joinCiphers } from '@isthmus/contract';
import test from 'ava';
import { HostRefusedError, HostUnreachableError } from '../../orchestrator/drivers/errors.ts';
import { JoinClient } from '../../orchestrator/drivers/join-client.ts';
import { createAuthority, issueCertificate } from '../../orchestrator/pki/authority.ts';
import { checkCertificateRequest } from '../../orchestrator/pki/certificate-request.ts';
import { type JoiningHost, joiningHost } from './host-agent-join-fixture.ts';

const dayMs = 86_400_000;

async function join(host: JoiningHost): Promise<void> {
  const client = new JoinClient(host.url, host.token);
  try {
    const { request } = await client.offer();
    const { installation, hostId } = host.token;
    await client.grant({ installation, hostId, grant: await host.grantFor(request) });
  } finally {
    client.close();
  }
}

/** What a handshake comes to: the text of its error, or `open` where the peer speaks on. */
function handshake(host: JoiningHost, options: object): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: host.port, rejectUnauthorized: false, ...options });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
    socket.on('secureConnect', () => socket.write('GET /v1/host HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
    socket.on('data', (data) => resolve(`answer: ${String(data).split('\r\n')[0]}`));
  });
}

test.serial('a host joins once by its token, and remembers', async (t) => {
  const host = await joiningHost(t);
  const file = `${host.directory}/token`;
  await writeFile(file, `${formatJoinToken(host.token)}\n`, { mode: 0o600 });
  await host.start('--join-file', file);
  await t.throwsAsync(stat(file), { code: 'ENOENT' });
  const joining = new JoinClient(host.url, host.token);
  t.teardown(() => joining.close());
  const { request, report } = await joining.offer();
  checkCertificateRequest(request);
  t.like(report, { installation: host.installation, driver: 'namespace', tunnelAddress: null });
  t.deepEqual((await joining.offer()).request, request);
  const { installation, hostId } = host.token;
  // Nothing of another host, another CA than the one named, or another key.
  const grant = await host.grantFor(request);
  const stranger = await createAuthority(installation);
  const otherId = 'c0ffee00-0000-4000-8000-000000000000';
  const wrongs: [JoinGrant, RegExp][] = [
    [{ installation, hostId: otherId, grant }, /as in the join token/],
    [{ installation, hostId, grant: await host.grantFor(request, host.authority, otherId) }, /certificate: names/],
    [{ installation, hostId, grant: { ...grant, authorities: [stranger.certificate] } }, /authorities has signed/],
    [
      { installation, hostId, grant: { ...grant, certificate: stranger.certificate } },
      /for the key that was asked for/,
    ],
  ];
  for (const [wrong, expected] of wrongs) {
    await t.throwsAsync(joining.grant(wrong), { instanceOf: HostRefusedError, message: expected });
  }
  await joining.grant({ installation, hostId, grant });
  const client = await host.client();
  t.teardown(() => client.close());
  t.is((await client.report()).installation, installation);
  t.is((await stat(host.identityPath)).mode & 0o777, 0o600);
  // Nobody joins it again, also not after a restart, with or without the token.
  await t.throwsAsync(join(host), { instanceOf: HostUnreachableError });
  for (const more of [[], ['--join', formatJoinToken(host.token)]]) {
    await host.stop('SIGKILL');
    await host.start(...more);
    await t.throwsAsync(join(host), { instanceOf: HostUnreachableError });
    t.is((await client.report()).installation, installation);
  }
  const logged = await host.log();
  t.false(logged.includes(host.token.secret));
});

test.serial('before it has joined it speaks to nobody without the secret, and of nothing but joining', async (t) => {
  const host = await joiningHost(t);
  await host.start('--join', formatJoinToken(host.token));
  const wrong = new JoinClient(host.url, { ...host.token, secret: randomBytes(32).toString('base64url') });
  await t.throwsAsync(wrong.offer(), { instanceOf: HostUnreachableError });
  const other = new JoinClient(host.url, { ...host.token, hostId: 'c0ffee00-0000-4000-8000-000000000000' });
  await t.throwsAsync(other.offer(), { instanceOf: HostUnreachableError });
  for (const client of [wrong, other]) client.close();
  t.notRegex(await handshake(host, {}), /^answer/);
  const psk = Buffer.from(host.token.secret, 'base64url');
  const identity = `isthmus-join:${host.installation}:${host.token.hostId}`;
  const options = { ciphers: joinCiphers, maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined };
  t.regex(await handshake(host, { ...options, pskCallback: () => ({ psk, identity }) }), /^answer: HTTP\/1\.1 404/);
  // A restart before it has joined needs no token.
  await host.stop('SIGKILL');
  await host.start();
  const early = netConnect(host.port, '127.0.0.1');
  await once(early, 'connect');
  await join(host);
  const late = await handshake(host, { ...options, pskCallback: () => ({ psk, identity }), socket: early });
  t.notRegex(late, /^answer/, 'what was connected before it has joined is heard no more');
  const client = await host.client();
  t.is((await client.report()).driver, 'namespace');
  client.close();
});

test.serial('only orchestrators of the installation are heard', async (t) => {
  const host = await joiningHost(t);
  await host.start('--join', formatJoinToken(host.token));
  await join(host);
  const stranger = await createAuthority(host.installation);
  for (const [what, caller] of Object.entries({
    'another CA': { authority: stranger },
    'an appliance': { role: 'appliance' },
    'a host': { role: 'host' },
    'another installation': { installation: 'zz99' },
    'an expired certificate': { now: new Date(Date.now() - 10 * dayMs), lifetimeMs: dayMs },
    'a certificate of the future': { now: new Date(Date.now() + dayMs) },
  } as const)) {
    const client = await host.client(caller);
    await t.throwsAsync(client.report(), { instanceOf: HostUnreachableError }, what);
    client.close();
  }
  t.notRegex(await handshake(host, {}), /^answer/, 'no certificate');
  const { identity } = await host.caller();
  const { certificate, privateKey } = identity.current();
  const own = {
    cert: certificate,
    key: privateKey,
    ca: [host.authority.certificate],
    checkServerIdentity: () => undefined,
  };
  t.regex(await handshake(host, own), /^answer: HTTP\/1\.1 200/);
  t.notRegex(await handshake(host, { ...own, maxVersion: 'TLSv1.2' }), /^answer/, 'TLS 1.2');
  // A peer that says nothing does not keep others out.
  const silent = netConnect(host.port, '127.0.0.1');
  t.teardown(() => silent.destroy());
  t.regex(await handshake(host, own), /^answer: HTTP\/1\.1 200/);
  const local = host.local();
  t.is((await local.report()).installation, host.installation);
  local.close();
});

test.serial('a revoked certificate is refused at once, also on connections that are open', async (t) => {
  const host = await joiningHost(t);
  await host.start('--join', formatJoinToken(host.token));
  await join(host);
  const { identity, serialNumber } = await host.caller();
  const { certificate, privateKey } = identity.current();
  const stolen = connect({
    ...{ host: '127.0.0.1', port: host.port, cert: certificate, key: privateKey, ca: [host.authority.certificate] },
    checkServerIdentity: () => undefined,
  });
  stolen.on('error', () => undefined);
  await new Promise((resolve) => stolen.once('secureConnect', resolve));
  const ended = new Promise((resolve) => stolen.once('close', resolve));
  const client = await host.client();
  t.teardown(() => client.close());
  await client.putRevocations({ revoked: [serialNumber] });
  await ended;
  const own = { cert: certificate, key: privateKey, checkServerIdentity: () => undefined };
  t.notRegex(await handshake(host, own), /^answer/);
  await host.stop('SIGKILL');
  await host.start();
  t.notRegex(await handshake(host, own), /^answer/);
  t.is((await client.report()).installation, host.installation);
});

test.serial('a new certificate, and then a new CA, are taken while connections go on', async (t) => {
  const host = await joiningHost(t);
  await host.start('--join', formatJoinToken(host.token));
  await join(host);
  const client = await host.client();
  t.teardown(() => client.close());
  await client.report();
  const first = client.shownSerialNumber();
  await t.throwsAsync(
    client.putCertificate(
      await host
        .grantFor(await client.certificateRequest(), await createAuthority(host.installation))
        .then((grant) => ({ ...grant, authorities: [host.authority.certificate] })),
    ),
    { instanceOf: HostRefusedError, message: /authorities has signed/ },
  );
  const request = await client.certificateRequest();
  await client.putCertificate(await host.grantFor(request));
  await client.report();
  client.renewConnections();
  await client.report();
  t.not(client.shownSerialNumber(), first);
  // The next CA: for a while both are good.
  const next = await createAuthority(host.installation);
  const later = await client.certificateRequest();
  const holder = { installation: host.installation, role: 'host', id: host.token.hostId } as const;
  const { certificate } = await issueCertificate(next, { holder, publicKey: later.publicKey, lifetimeMs: dayMs });
  await client.putCertificate({
    certificate,
    authorities: [next.certificate, host.authority.certificate],
    revoked: [],
  });
  await client.report();
  const { identity } = await host.caller({ authority: next });
  const shown = { cert: identity.current().certificate, key: identity.current().privateKey };
  const both = { ...shown, ca: [next.certificate], checkServerIdentity: () => undefined, rejectUnauthorized: true };
  t.regex(await handshake(host, both), /^answer: HTTP\/1\.1 200/);
  const identityText = await readFile(host.identityPath, 'utf8');
  t.false((await host.log()).includes(identityText.slice(100, 160)));
});
