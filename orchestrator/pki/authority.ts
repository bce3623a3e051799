// The CA of the control path: ECDSA P-256, one root that signs certificates of orchestrators, hosts and appliances itself.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { type CertificateHolder, holderUri } from '@isthmus/contract';
import * as x509 from '@peculiar/x509';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;
const authorityYears = 10;
/** Clocks of peers may differ by this much. */
const clockSkewMs = 5 * 60_000;

/** A CA as the orchestrator works with it. Both are PEM. */
export interface Authority {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A key pair in PEM: PKCS #8 and SPKI. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** A certificate that the CA has signed. */
export interface IssuedCertificate {
  /** Upper-case hexadecimal, as Node's TLS shows it. */
  readonly serialNumber: string;
  /** PEM. */
  readonly certificate: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A new ECDSA P-256 key pair. */
export function createKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

/** 16 random bytes whose first nibble is neither zero nor above seven: one spelling in DER and in every tool. */
function createSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex').toUpperCase();
}

function cryptoKey(key: KeyObject, use: 'sign' | 'verify') {
  return key.toCryptoKey(curve, true, [use]);
}

/** A new CA of an installation. Its name is its own, so that an old and a new one are told apart in a chain. */
export async function createAuthority(installation: string, now = new Date()): Promise<Authority> {
  const { privateKey, publicKey } = createKeyPair();
  const keys = {
    privateKey: cryptoKey(createPrivateKey(privateKey), 'sign'),
    publicKey: cryptoKey(createPublicKey(publicKey), 'verify'),
  };
  const serialNumber = createSerialNumber();
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + authorityYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: `O=Isthmus, OU=${installation}, CN=control path ${serialNumber.slice(0, 8)}`,
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter,
    signingAlgorithm: signature,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, privateKey };
}

/** What `issueCertificate` signs. `lifetimeMs` counts from `now`; the certificate is good a little before that. */
export interface Issue {
  readonly holder: CertificateHolder;
  /** SPKI in PEM. */
  readonly publicKey: string;
  readonly lifetimeMs: number;
  readonly now?: Date;
}

/** Signs a certificate whose only name is the holder's URI. It serves both ends of a connection. */
export async function issueCertificate(authority: Authority, issue: Issue): Promise<IssuedCertificate> {
  const { holder, publicKey, lifetimeMs, now = new Date() } = issue;
  const issuer = new x509.X509Certificate(authority.certificate);
  const serialNumber = createSerialNumber();
  // Whole seconds, as a certificate has them.
  const notBefore = new Date(Math.floor((now.getTime() - clockSkewMs) / 1000) * 1000);
  const notAfter = new Date(
    Math.min(Math.floor((now.getTime() + lifetimeMs) / 1000) * 1000, issuer.notAfter.getTime()),
  );
  const subjectKey = cryptoKey(createPublicKey(publicKey), 'verify');
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: `O=Isthmus, OU=${holder.installation}, CN=${holder.role} ${serialNumber.slice(0, 8)}`,
    issuer: issuer.subject,
    notBefore,
    notAfter,
    signingAlgorithm: signature,
    publicKey: subjectKey,
    signingKey: cryptoKey(createPrivateKey(authority.privateKey), 'sign'),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: holderUri(holder) }], true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(subjectKey),
    ],
  });
  return { serialNumber, certificate: `${certificate.toString('pem')}\n`, notBefore, notAfter };
}
