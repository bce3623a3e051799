// Certificates with a real database: one CA for any number of orchestrators, renewal, revocation, replacement of the CA.
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createKeyPair } from '../pki/authority.ts';
import { CertificateRequestError, createCertificateRequest } from '../pki/certificate-request.ts';
import { createSealer, SealedTextError } from '../pki/sealer.ts';
import { openTestDatabase, type TestDatabase } from '../store/testing.ts';
import { type CertificateOptions, Certificates, serialNumberOf } from './certificates.ts';

const sealer = createSealer(Buffer.alloc(32, 1), 'the test');
const lifetimes: Record<string, string> = {
  'ca.framework.cert.validity.period': '7',
  'ca.framework.orchestrator.cert.validity.hours': '24',
};
const day = 86_400_000;

let database: TestDatabase;
test.before(async () => {
  database = await openTestDatabase();
});
test.after.always(() => database?.close());
// One database: each test begins without a CA.
test.beforeEach(async () => {
  await database.db.deleteFrom('certificate').execute();
  await database.db.deleteFrom('certificate_authority').execute();
});

function options(more: Partial<CertificateOptions> = {}): CertificateOptions {
  return {
    db: database.db,
    sealer,
    installation: 'ab12',
    holder: 'ab12-node',
    setting: async (name) => lifetimes[name] ?? '',
    ...more,
  };
}

function subject(number: number) {
  return { role: 'appliance', id: `00000000-0000-4000-8000-00000000000${number}` } as const;
}

/** Age of rows and their certificates, as if they were issued earlier. */
async function age(serialNumber: string, ms: number): Promise<void> {
  const row = await database.db
    .selectFrom('certificate')
    .selectAll()
    .where('serial_number', '=', serialNumber)
    .executeTakeFirstOrThrow();
  const earlier = (date: Date) => new Date(date.getTime() - ms);
  await database.db
    .updateTable('certificate')
    .set({ created: earlier(row.created), not_before: earlier(row.not_before), not_after: earlier(row.not_after) })
    .where('serial_number', '=', serialNumber)
    .execute();
}

test.serial('orchestrators that start at once share one CA, each with a certificate of its own', async (t) => {
  const many = await Promise.all(
    ['one', 'two', 'three'].map((holder) => Certificates.open(options({ holder: `ab12-${holder}` }))),
  );
  t.is((await database.db.selectFrom('certificate_authority').selectAll().execute()).length, 1);
  const [authority = ''] = many[0]?.authorities() ?? [];
  const names = many.map(({ identity }) => {
    const { certificate, authorities } = identity.current();
    t.deepEqual(authorities, [authority]);
    t.true(new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey));
    return new X509Certificate(certificate).subjectAltName;
  });
  t.deepEqual(
    names,
    ['one', 'two', 'three'].map((name) => `URI:urn:isthmus:ab12:orchestrator:ab12-${name}`),
  );
});

test.serial('a host name that is no id of a holder is made one', async (t) => {
  const { identity } = await Certificates.open(options({ holder: `ab12-${'long_name '.repeat(10)}` }));
  const name = new X509Certificate(identity.current().certificate).subjectAltName ?? '';
  t.regex(name, /^URI:urn:isthmus:ab12:orchestrator:ab12-[A-Za-z0-9._-]{59}$/);
});

test.serial('the private key of the CA is not in the database, and another master key does not open it', async (t) => {
  await Certificates.open(options());
  const [row] = await database.db.selectFrom('certificate_authority').selectAll().execute();
  t.notRegex(JSON.stringify(row), /PRIVATE KEY/);
  const other = createSealer(Buffer.alloc(32, 2), '/srv/var/credentials/master.key');
  await t.throwsAsync(Certificates.open(options({ sealer: other })), {
    instanceOf: SealedTextError,
    message: /\/srv\/var\/credentials\/master\.key does not open/,
  });
});

test.serial('a CA whose sealed key was tampered with is refused, and none is made in its place', async (t) => {
  await Certificates.open(options());
  const { sealed_private_key: sealed } = await database.db
    .selectFrom('certificate_authority')
    .select('sealed_private_key')
    .executeTakeFirstOrThrow();
  const middle = sealed.length >> 1;
  const changed = `${sealed.slice(0, middle)}${sealed[middle] === 'A' ? 'B' : 'A'}${sealed.slice(middle + 1)}`;
  await database.db.updateTable('certificate_authority').set({ sealed_private_key: changed }).execute();
  await t.throwsAsync(Certificates.open(options()), { instanceOf: SealedTextError });
  t.is((await database.db.selectFrom('certificate_authority').selectAll().execute()).length, 1);
});

test.serial('a request is granted to who has its key', async (t) => {
  const certificates = await Certificates.open(options());
  const keys = createKeyPair();
  const grant = await certificates.grant(subject(1), createCertificateRequest(keys));
  const certificate = new X509Certificate(grant.certificate);
  t.is(certificate.subjectAltName, `URI:urn:isthmus:ab12:appliance:${subject(1).id}`);
  t.deepEqual(grant.authorities, certificates.authorities());
  const forged = { ...createCertificateRequest(keys), publicKey: createKeyPair().publicKey };
  await t.throwsAsync(certificates.grant(subject(1), forged), { instanceOf: CertificateRequestError });
  const row = await certificates.certificateOf(subject(1));
  t.is(row?.serial_number, certificate.serialNumber);
  t.true(Math.abs((row?.not_after.getTime() ?? 0) - Date.now() - 7 * day) < 10_000);
});

test.serial('a certificate is due for renewal past half of its life, and not good after its end', async (t) => {
  const certificates = await Certificates.open(options());
  const { serialNumber } = await certificates.issueWithKey(subject(1));
  const row = async () => certificates.certificateOf(subject(1));
  const isDue = async () => {
    const found = await row();
    return found !== undefined && certificates.isDue(found);
  };
  t.false(await isDue());
  await age(serialNumber, 3.4 * day);
  t.false(await isDue());
  await age(serialNumber, 0.2 * day);
  t.true(await isDue());
  await age(serialNumber, 3.5 * day);
  t.is(await row(), undefined);
});

test.serial('this orchestrator renews its own certificate past half of its life', async (t) => {
  // 0.0008 hours are 2.88 s.
  const setting = async () => '0.0008';
  const certificates = await Certificates.open(options({ setting }));
  const first = certificates.identity.current();
  await certificates.refresh();
  t.is(certificates.identity.current().certificate, first.certificate);
  await new Promise((resolve) => setTimeout(resolve, 1_600));
  await certificates.refresh();
  t.not(certificates.identity.current().certificate, first.certificate);
  t.not(certificates.identity.current().privateKey, first.privateKey);
});

test.serial(
  'what is revoked is refused by every orchestrator, listed until it expires, and renewed by nobody',
  async (t) => {
    const one = await Certificates.open(options({ holder: 'ab12-one' }));
    const two = await Certificates.open(options({ holder: 'ab12-two' }));
    const old = await one.issueWithKey(subject(1));
    const next = await one.issueWithKey(subject(1));
    await one.revoke(subject(1), next.serialNumber);
    t.true(one.identity.isRevoked(old.serialNumber));
    t.false(one.identity.isRevoked(next.serialNumber));
    t.false(two.identity.isRevoked(old.serialNumber));
    await two.refresh();
    t.true(two.identity.isRevoked(old.serialNumber));
    t.deepEqual((await two.issueWithKey(subject(2))).grant.revoked, [old.serialNumber]);
    await one.revoke(subject(1));
    t.is(await one.certificateOf(subject(1)), undefined);
    await age(old.serialNumber, 8 * day);
    await one.refresh();
    t.deepEqual(one.revoked(), [next.serialNumber]);
    await age(old.serialNumber, 61 * day);
    await one.tidy();
    const left = await database.db.selectFrom('certificate').select('serial_number').execute();
    t.false(left.some((row) => row.serial_number === old.serialNumber));
  },
);

test.serial(
  'while a new CA takes over, both are trusted and no peer is met with a CA that it does not know',
  async (t) => {
    const certificates = await Certificates.open(options());
    const [oldAuthority = ''] = certificates.authorities();
    const isUnderOld = (pem: string) => new X509Certificate(pem).verify(new X509Certificate(oldAuthority).publicKey);
    const before = await certificates.issueWithKey(subject(1));
    await certificates.replaceAuthority();
    t.is(certificates.authorities().length, 2);
    t.true(isUnderOld(certificates.identity.current().certificate));
    const row = await certificates.certificateOf(subject(1));
    t.true(row !== undefined && certificates.isDue(row));

    const after = await certificates.issueWithKey(subject(1));
    t.deepEqual(after.grant.authorities, certificates.authorities());
    t.false(isUnderOld(after.grant.certificate));
    await certificates.refresh();
    t.false(isUnderOld(certificates.identity.current().certificate));

    // The old certificates are good still: so is the old CA.
    await certificates.tidy();
    await certificates.refresh();
    t.is(certificates.authorities().length, 2);
    const old = await database.db.selectFrom('certificate').selectAll().execute();
    for (const each of old.filter(({ certificate }) => isUnderOld(certificate))) await age(each.serial_number, 8 * day);
    t.is(serialNumberOf(before.grant.certificate), before.serialNumber);
    await certificates.tidy();
    await certificates.refresh();
    t.is(certificates.authorities().length, 1);
    t.false(certificates.authorities().includes(oldAuthority));
  },
);

test.serial('no more CAs than a grant can name', async (t) => {
  const certificates = await Certificates.open(options());
  for (let more = 0; more < 3; more += 1) await certificates.replaceAuthority();
  t.is((await certificates.issueWithKey(subject(1))).grant.authorities.length, 4);
  await t.throwsAsync(certificates.replaceAuthority(), { message: /4 CAs are trusted already/ });
});

test.serial('orchestrators of two machines on one database are of one installation', async (t) => {
  await database.db.deleteFrom('configuration').where('name', '=', 'control.installation').execute();
  const one = await Certificates.open(options());
  const two = await Certificates.open(options({ installation: 'cd34', holder: 'cd34-node' }));
  t.deepEqual([one.identity.installation, two.identity.installation], ['ab12', 'ab12']);
  const { subjectAltName } = new X509Certificate(two.identity.current().certificate);
  t.is(subjectAltName, 'URI:urn:isthmus:ab12:orchestrator:cd34-node');
});
