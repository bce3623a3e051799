// Certificates of every quality, for tests of what tenants upload.
import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  type webcrypto,
} from 'node:crypto';
import * as x509 from '@peculiar/x509';

const hourMs = 3_600_000;

/** A key pair's kind. `dsa` signs nothing here. */
export type KeyKind = 'p256' | 'p384' | 'rsa2048' | 'rsa1024' | 'ed25519' | 'dsa' | 'secp256k1';

/** A certificate with its key. */
export interface MadeCertificate {
  readonly certificate: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
  readonly subject: string;
  readonly keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject; readonly kind: KeyKind };
}

/** What a certificate is to be; by default one of a P-256 key, self-signed, good for a day, that is no authority. */
export interface CertificateWish {
  readonly name: string;
  /** Alternative names; default: the name. */
  readonly names?: readonly string[];
  readonly kind?: KeyKind;
  readonly issuer?: MadeCertificate;
  readonly isAuthority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly hash?: 'SHA-256' | 'SHA-1';
}

function newKeys(kind: KeyKind) {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'secp256k1':
      return generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'dsa':
      return generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 });
  }
}

function signing(kind: KeyKind, hash: 'SHA-256' | 'SHA-1') {
  if (kind === 'ed25519') return { name: 'Ed25519' };
  if (kind === 'p256' || kind === 'p384')
    return { name: 'ECDSA', namedCurve: kind === 'p256' ? 'P-256' : 'P-384', hash };
  return { name: 'RSASSA-PKCS1-v1_5', hash };
}

/** Makes a key pair and a certificate of it. */
export async function makeCertificate(wish: CertificateWish): Promise<MadeCertificate> {
  const { name, names = [name], kind = 'p256', issuer, isAuthority = false, hash = 'SHA-256' } = wish;
  const own = { ...newKeys(kind), kind };
  const signer = issuer?.keys ?? own;
  const algorithm = signing(signer.kind, hash);
  const subject = `CN=${name}`;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: `41${randomBytes(15).toString('hex')}`,
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: wish.notBefore ?? new Date(Date.now() - hourMs),
    notAfter: wish.notAfter ?? new Date(Date.now() + 24 * hourMs),
    signingAlgorithm: algorithm,
    publicKey: own.publicKey.export({ type: 'spki', format: 'der' }),
    signingKey: signer.privateKey.toCryptoKey(algorithm, true, ['sign']) as webcrypto.CryptoKey,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      ...(isAuthority
        ? []
        : [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))]),
    ],
  });
  return {
    certificate: `${made.toString('pem').trim()}\n`,
    privateKey: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject,
    keys: own,
  };
}

/** The key of a certificate, encrypted. */
export function encryptedKey({ privateKey }: MadeCertificate, passphrase: string): string {
  return createPrivateKey(privateKey)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    .toString();
}

/** SPKI in PEM: what is no private key. */
export function publicKeyOf({ privateKey }: MadeCertificate): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
}
