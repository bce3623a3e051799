import { X509Certificate } from 'node:crypto';
import { holderOfSubjectAltName } from '@isthmus/contract';
import test from 'ava';
import { type Authority, createAuthority, createKeyPair, issueCertificate } from './authority.ts';
import { CertificateRequestError, checkCertificateRequest, createCertificateRequest } from './certificate-request.ts';

const day = 86_400_000;
const id = '0b6f3c51-6c52-4c0c-8c8e-5c8f6a3f9b01';
let authority: Authority;
test.before(async () => {
  authority = await createAuthority('ab12');
});

async function issued(publicKey = createKeyPair().publicKey) {
  const holder = { installation: 'ab12', role: 'appliance', id } as const;
  return issueCertificate(authority, { holder, publicKey, lifetimeMs: 7 * day });
}

test('a certificate names its holder and nobody else, and is under the CA', async (t) => {
  const { publicKey } = createKeyPair();
  const { certificate, serialNumber } = await issued(publicKey);
  const read = new X509Certificate(certificate);
  const root = new X509Certificate(authority.certificate);
  t.true(read.checkIssued(root) && read.verify(root.publicKey));
  t.deepEqual(holderOfSubjectAltName(read.subjectAltName), { installation: 'ab12', role: 'appliance', id });
  t.is(read.serialNumber, serialNumber);
  t.regex(serialNumber, /^[4-7][0-9A-F]{31}$/);
  t.false(read.ca);
  t.true(root.ca);
  t.is(read.publicKey.export({ format: 'pem', type: 'spki' }).toString(), publicKey);
});

test('it is good from a little before now, for clocks that differ, to the end of its life', async (t) => {
  const { certificate, notBefore, notAfter } = await issued();
  const read = new X509Certificate(certificate);
  t.deepEqual([read.validFromDate, read.validToDate], [notBefore, notAfter]);
  const now = Date.now();
  t.true(now - notBefore.getTime() >= 5 * 60_000 && now - notBefore.getTime() < 6 * 60_000);
  t.true(Math.abs(notAfter.getTime() - now - 7 * day) < 5_000);
});

test('no certificate outlives its CA', async (t) => {
  const ending = await createAuthority('ab12', new Date(Date.now() - 3650 * day));
  const holder = { installation: 'ab12', role: 'host', id } as const;
  const { notAfter } = await issueCertificate(ending, {
    holder,
    publicKey: createKeyPair().publicKey,
    lifetimeMs: 7 * day,
  });
  t.deepEqual(notAfter, new X509Certificate(ending.certificate).validToDate);
});

test('two CAs of an installation have two names, and neither vouches for the other', async (t) => {
  const other = new X509Certificate((await createAuthority('ab12')).certificate);
  const read = new X509Certificate((await issued()).certificate);
  t.not(other.subject, new X509Certificate(authority.certificate).subject);
  t.false(read.checkIssued(other));
});

test('a request proves that who asks has the key', (t) => {
  const request = createCertificateRequest(createKeyPair());
  t.notThrows(() => checkCertificateRequest(request));
  const stolen = { ...request, publicKey: createKeyPair().publicKey };
  t.throws(() => checkCertificateRequest(stolen), { instanceOf: CertificateRequestError, message: /^proof: expected/ });
  const keys = createKeyPair();
  t.throws(() => checkCertificateRequest({ ...createCertificateRequest(keys), publicKey: keys.privateKey }), {
    message: /^publicKey: expected a public key in PEM/,
  });
  t.throws(() => checkCertificateRequest({ ...request, publicKey: '-----BEGIN PUBLIC KEY-----\nAAAA\n' }), {
    instanceOf: CertificateRequestError,
  });
});
