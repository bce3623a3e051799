import test from 'ava';
import {
  encryptedKey,
  type KeyKind,
  type MadeCertificate,
  makeCertificate,
  publicKeyOf,
} from './certificate-fixture.ts';
import { type CertificateUpload, checkCertificate, refuseSharedName } from './ssl-certificate.ts';

const day = 86_400_000;
const now = new Date();
const upload = ({ certificate, privateKey: privatekey }: MadeCertificate, more: Partial<CertificateUpload> = {}) => ({
  certificate,
  privatekey,
  ...more,
});

async function chainOfThree() {
  const root = await makeCertificate({ name: 'root', isAuthority: true });
  const middle = await makeCertificate({ name: 'middle', isAuthority: true, issuer: root });
  const leaf = await makeCertificate({ name: 'www.example.org', issuer: middle });
  return { root, middle, leaf };
}

for (const kind of ['p256', 'p384', 'rsa2048', 'ed25519'] as const) {
  test(`a certificate of ${kind} with its key is taken`, async (t) => {
    const made = await makeCertificate({ name: 'a.example', names: ['b.example', 'A.example'], kind });
    const checked = checkCertificate(upload(made), now);
    t.is(checked.certificate.replaceAll('\n', ''), made.certificate.replaceAll('\n', ''));
    t.is(checked.chain, '');
    t.regex(checked.privateKey, /^-----BEGIN PRIVATE KEY-----\n/);
    t.deepEqual(checked.names, ['a.example', 'b.example']);
    t.regex(checked.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });
}

test('line ends of Windows, and an encrypted key with its password, come out as the contract has them', async (t) => {
  const made = await makeCertificate({ name: 'a.example', kind: 'rsa2048' });
  const certificate = made.certificate.replaceAll('\n', '\r\n');
  const privatekey = encryptedKey(made, 'open sesame').replaceAll('\n', '\r\n');
  const checked = checkCertificate({ certificate, privatekey, password: 'open sesame' }, now);
  t.regex(checked.certificate, /^-----BEGIN CERTIFICATE-----\n[^\r]*\n$/);
  t.is(checked.privateKey, made.privateKey);
});

test('a chain is put in order, the root with it or not', async (t) => {
  const { root, middle, leaf } = await chainOfThree();
  const both = checkCertificate(upload(leaf, { certchain: root.certificate + middle.certificate }), now).chain;
  t.is(both.replaceAll('\n', ''), (middle.certificate + root.certificate).replaceAll('\n', ''));
  const one = checkCertificate(upload(leaf, { certchain: middle.certificate }), now).chain;
  t.is(one.replaceAll('\n', ''), middle.certificate.replaceAll('\n', ''));
});

async function refusals(): Promise<readonly (readonly [what: string, CertificateUpload, message: RegExp])[]> {
  const { root, middle, leaf } = await chainOfThree();
  const other = await makeCertificate({ name: 'other.example' });
  const ofKind = (kind: KeyKind) => makeCertificate({ name: 'weak.example', kind, issuer: middle });
  const timed = (notBefore: number, notAfter: number, more = {}) =>
    makeCertificate({
      name: 'timed.example',
      notBefore: new Date(Date.now() + notBefore),
      notAfter: new Date(Date.now() + notAfter),
      ...more,
    });
  const oldAuthority = await timed(-2 * day, -day, { isAuthority: true });
  const notAnAuthority = await makeCertificate({ name: 'not an authority', issuer: root });
  const signedBy = (issuer: MadeCertificate) => makeCertificate({ name: 'signed.example', issuer });
  const rsa = await makeCertificate({ name: 'rsa', kind: 'rsa2048' });
  return [
    ['text that is no PEM', upload(leaf, { certificate: 'hello' }), /parameter certificate: it is not PEM/],
    [
      'PEM and more',
      upload(leaf, { certificate: `${leaf.certificate}# mine` }),
      /parameter certificate: it is not PEM/,
    ],
    [
      'PEM of garbage',
      upload(leaf, { certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }),
      /parameter certificate: its certificate 1 cannot be read/,
    ],
    ['a cut certificate', upload(leaf, { certificate: leaf.certificate.slice(0, 200) }), /parameter certificate/],
    [
      'two certificates',
      upload(leaf, { certificate: leaf.certificate + middle.certificate }),
      /parameter certificate: it holds 2/,
    ],
    ['a key for a certificate', upload(leaf, { certificate: leaf.privateKey }), /parameter certificate: it is not PEM/],
    ['an expired one', upload(await timed(-2 * day, -day)), /parameter certificate: .* expired at/],
    ['one of tomorrow', upload(await timed(day, 2 * day)), /parameter certificate: .* is not valid before/],
    ['RSA of 1024 bits', upload(await ofKind('rsa1024')), /type rsa 1024 bits: expected RSA of at least 2048 bits/],
    ['DSA', upload(await ofKind('dsa')), /parameter certificate: .* type dsa/],
    ['a curve of another kind', upload(await ofKind('secp256k1')), /type ec secp256k1/],
    [
      'a signature by SHA-1',
      upload(await makeCertificate({ name: 'sha1', kind: 'rsa2048', hash: 'SHA-1' })),
      /parameter certificate: .* is signed by/,
    ],
    ["another's key", upload(leaf, { privatekey: other.privateKey }), /parameter privatekey: it is not the key/],
    ['a key of another kind', upload(leaf, { privatekey: rsa.privateKey }), /parameter privatekey: it is not the key/],
    ['no key', upload(leaf, { privatekey: 'secret words' }), /parameter privatekey: it cannot be read/],
    ['a public key', upload(leaf, { privatekey: publicKeyOf(leaf) }), /parameter privatekey: it cannot be read/],
    [
      'a cut key',
      upload(leaf, { privatekey: leaf.privateKey.slice(0, 100) }),
      /parameter privatekey: it cannot be read/,
    ],
    [
      'an encrypted key alone',
      upload(leaf, { privatekey: encryptedKey(leaf, 'word') }),
      /parameter password: it is missing/,
    ],
    [
      'an encrypted key with another password',
      upload(leaf, { privatekey: encryptedKey(leaf, 'word'), password: 'sesame' }),
      /parameter password: it does not open/,
    ],
    ['a chain that is no PEM', upload(leaf, { certchain: 'hello' }), /parameter certchain: it is not PEM/],
    ['a chain of others', upload(leaf, { certchain: other.certificate }), /parameter certchain: .* did not issue/],
    ['a chain with a gap', upload(leaf, { certchain: root.certificate }), /parameter certchain: .* did not issue/],
    [
      'a chain with one too many',
      upload(leaf, { certchain: middle.certificate + other.certificate }),
      /parameter certchain: .*other\.example did not issue/,
    ],
    [
      'a chain with an expired authority',
      upload(await signedBy(oldAuthority), { certchain: oldAuthority.certificate }),
      /parameter certchain: .* expired/,
    ],
    [
      'an issuer that may not issue',
      upload(await signedBy(notAnAuthority), { certchain: notAnAuthority.certificate }),
      /parameter certchain: .* did not issue/,
    ],
    ['a chain of keys', upload(leaf, { certchain: leaf.privateKey }), /parameter certchain: it is not PEM/],
  ];
}

test('what does not hold together is refused by name, and nothing of a key or password is told', async (t) => {
  for (const [what, values, message] of await refusals()) {
    const error = t.throws(() => checkCertificate(values, now), { message }, what);
    t.regex(error?.message ?? '', /: expected /, what);
    for (const secret of [values.password, values.privatekey.split('\n')[1]]) {
      if (secret !== undefined && secret.length > 3) t.false(error?.message.includes(secret), what);
    }
  }
});

test('a rule cannot have two certificates for one name', (t) => {
  const has = [{ id: '1', name: 'shop', names: ['shop.example', '*.example'] }];
  t.notThrows(() => refuseSharedName({ id: '2', names: ['www.example.org'] }, has));
  t.throws(() => refuseSharedName({ id: '2', names: ['www.example.org', '*.example'] }, has), {
    message: /certid: expected .* shop is for \*\.example too/,
  });
});
