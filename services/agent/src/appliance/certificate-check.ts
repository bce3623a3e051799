// What makes a certificate this appliance's own, and what makes a peer's certificate good enough to be heard.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  type CertificateGrant,
  type CertificateHolder,
  type CertificateRole,
  holderOfSubjectAltName,
  holderUri,
} from '@isthmus/contract';

/** A key and the certificate for it. */
export interface KeyedGrant {
  readonly holder: CertificateHolder;
  /** PEM. */
  readonly privateKey: string;
  readonly grant: CertificateGrant;
}

function readCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function isGoodAt(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate;
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/**
 * What is wrong with a key and its grant, in words, or null: the certificate must be for the key, name the holder and
 * nobody else, be signed by one of the authorities, be good now and not be revoked.
 */
export function checkIdentity({ holder, privateKey, grant }: KeyedGrant, now: Date): string | null {
  const certificate = readCertificate(grant.certificate);
  if (certificate === null) return 'certificate: expected a certificate in PEM';
  const key = readKey(privateKey);
  if (key === null) return 'the private key cannot be read: expected PEM';
  if (!certificate.checkPrivateKey(key)) return 'certificate: expected one for the key that was asked for';
  if (certificate.subjectAltName !== `URI:${holderUri(holder)}`) {
    return `certificate: names ${certificate.subjectAltName ?? 'nobody'}: expected URI:${holderUri(holder)}`;
  }
  const authorities = grant.authorities.map(readCertificate);
  const unread = authorities.indexOf(null);
  if (unread >= 0) return `authorities.${unread}: expected a certificate in PEM`;
  const issuer = authorities.find((authority) => authority !== null && isIssuedBy(certificate, authority));
  if (issuer === undefined || issuer === null) return 'certificate: expected one that one of authorities has signed';
  for (const [what, each] of [
    ['certificate', certificate],
    ['its authority', issuer],
  ] as const) {
    if (!isGoodAt(each, now))
      return `${what}: is good from ${each.validFrom} to ${each.validTo}, and now is ${now.toISOString()}`;
  }
  if (grant.revoked.includes(certificate.serialNumber)) return `certificate: ${certificate.serialNumber} is revoked`;
  return null;
}

/** From when a certificate is good; the beginning of time where it cannot be read. */
export function goodFrom(pem: string): Date {
  return readCertificate(pem)?.validFromDate ?? new Date(0);
}

/**
 * What is wrong with a peer whose certificate chains to the authorities (TLS has seen to that), in words, or null: it must
 * be an orchestrator (or of the `role` given) of the installation, good now and not revoked.
 */
export function checkPeer(
  peer: Pick<X509Certificate, 'subjectAltName' | 'serialNumber' | 'validFromDate' | 'validToDate'> | undefined,
  expected: {
    readonly installation: string;
    readonly revoked: ReadonlySet<string>;
    readonly now: Date;
    readonly role?: CertificateRole;
  },
): string | null {
  if (peer === undefined) return 'no certificate';
  const holder = holderOfSubjectAltName(peer.subjectAltName);
  const { role = 'orchestrator' } = expected;
  if (holder?.role !== role) return `${peer.subjectAltName ?? 'nobody'}: expected the role ${role}`;
  if (holder.installation !== expected.installation) {
    return `installation ${holder.installation}: expected ${expected.installation}`;
  }
  if (expected.revoked.has(peer.serialNumber)) return `certificate ${peer.serialNumber} is revoked`;
  if (expected.now < peer.validFromDate || expected.now > peer.validToDate) return 'the certificate is not good now';
  return null;
}
