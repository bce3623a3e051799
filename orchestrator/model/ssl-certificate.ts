// Certificates that tenants upload: what a certificate, its key and its chain have to be. Pure but for the time of day.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { ApiError, parameterError } from './api-error.ts';

/** The texts of an upload, all PEM. */
export interface CertificateUpload {
  readonly certificate: string;
  readonly privatekey: string;
  readonly certchain?: string | undefined;
  /** Of an encrypted key. */
  readonly password?: string | undefined;
}

/** An upload that holds together. */
export interface CheckedCertificate {
  /** PEM of the leaf, lines ended by \n. */
  readonly certificate: string;
  /** PEM of the rest, each issued by the next; '' for none. */
  readonly chain: string;
  /** PKCS #8 PEM, unencrypted. */
  readonly privateKey: string;
  /** SHA-256 of the leaf. */
  readonly fingerprint: string;
  /** DNS names and addresses that it is for (the subject's CN where it has no alternative names), lower case, sorted. */
  readonly names: readonly string[];
}

/** The contract's limit of certificate and chain together. */
const maxLength = 65_536;
const minRsaBits = 2048;
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];
const blockPattern = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function refused(name: string, what: string, expected: string, cause?: unknown): ApiError {
  return new ApiError('parameter', `Invalid value for parameter ${name}: ${what}: expected ${expected}`, { cause });
}

/** The certificates of a PEM text. Throws 431 where anything else stands in it, or one cannot be read. */
function certificatesIn(name: string, pem: string): X509Certificate[] {
  const blocks = pem.match(blockPattern) ?? [];
  if (blocks.length === 0 || pem.replaceAll(blockPattern, '').trim() !== '') {
    throw refused(name, 'it is not PEM', 'certificates from BEGIN CERTIFICATE to END CERTIFICATE, and nothing else');
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw refused(name, `its certificate ${index + 1} cannot be read`, 'X.509 certificates', cause);
    }
  });
}

/** As this release writes PEM, whatever the upload's line ends were. */
export function pemOf(certificate: X509Certificate): string {
  const body = certificate.raw.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...body, '-----END CERTIFICATE-----', ''].join('\n');
}

const shown = (name: string) => name.replaceAll('\n', ', ');

function checkTime(name: string, certificate: X509Certificate, now: Date): void {
  const subject = shown(certificate.subject);
  if (certificate.validToDate < now) {
    throw refused(
      name,
      `the certificate of ${subject} expired at ${certificate.validToDate.toISOString()}`,
      'a certificate that is valid now',
    );
  }
  if (certificate.validFromDate > now) {
    throw refused(
      name,
      `the certificate of ${subject} is not valid before ${certificate.validFromDate.toISOString()}`,
      'a certificate that is valid now',
    );
  }
}

/** Clients refuse what is weaker. */
function checkStrength(name: string, certificate: X509Certificate): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  const isStrong =
    type === 'ed25519' ||
    (type === 'rsa' && (details?.modulusLength ?? 0) >= minRsaBits) ||
    (type === 'ec' && curves.includes(details?.namedCurve));
  if (!isStrong) {
    const size = details?.modulusLength === undefined ? (details?.namedCurve ?? '') : `${details.modulusLength} bits`;
    throw refused(
      name,
      `the certificate of ${shown(certificate.subject)} has a key of type ${type} ${size}`.trimEnd(),
      `RSA of at least ${minRsaBits} bits, ECDSA with P-256, P-384 or P-521, or Ed25519`,
    );
  }
  const algorithm = certificate.signatureAlgorithm ?? '';
  if (/md[245]|sha1(?!\d)|ecdsa-with-SHA1$/i.test(algorithm)) {
    throw refused(
      name,
      `the certificate of ${shown(certificate.subject)} is signed by ${algorithm}`,
      'a signature by SHA-256 or stronger',
    );
  }
}

/** True where `issuer` is an authority, and signed it. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** True for a root. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** The one certificate of a PEM text, valid now and strong. Throws 431 that names the parameter. */
export function readCertificate(name: string, pem: string, advice: string, now: Date): X509Certificate {
  const [certificate, ...others] = certificatesIn(name, pem);
  if (certificate === undefined || others.length > 0) {
    throw refused(name, `it holds ${others.length + 1} certificates`, `one certificate; ${advice}`);
  }
  checkTime(name, certificate, now);
  checkStrength(name, certificate);
  return certificate;
}

/** The chain from the leaf's issuer on. Throws 431 for a certificate that is not on the way from the leaf. */
function orderedChain(leaf: X509Certificate, given: readonly X509Certificate[], now: Date): X509Certificate[] {
  const left = new Map(given.map((certificate) => [certificate.fingerprint256, certificate]));
  left.delete(leaf.fingerprint256);
  const chain: X509Certificate[] = [];
  for (let last = leaf; left.size > 0; ) {
    const issuer = isSelfSigned(last) ? undefined : [...left.values()].find((each) => isIssuedBy(last, each));
    if (issuer === undefined) {
      const [other = last] = left.values();
      throw refused(
        'certchain',
        `the certificate of ${shown(other.subject)} did not issue ${shown(last.subject)}, nor does another of the chain`,
        'the certificates of authorities that lead from the certificate upwards, each issued by the next',
      );
    }
    checkTime('certchain', issuer, now);
    // The signature of a root is looked at by nobody.
    if (!isSelfSigned(issuer)) checkStrength('certchain', issuer);
    left.delete(issuer.fingerprint256);
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

/** Reads a private key; never tells anything of it. */
function privateKeyOf({ privatekey, password }: CertificateUpload): KeyObject {
  const isEncrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(privatekey);
  if (isEncrypted && password === undefined) {
    throw refused('password', 'it is missing', 'the password of the private key, which is encrypted');
  }
  try {
    return createPrivateKey({ key: privatekey, format: 'pem', ...(isEncrypted && { passphrase: password ?? '' }) });
  } catch {
    // The cause is left out: OpenSSL may quote its input.
    if (isEncrypted) throw refused('password', 'it does not open the private key', 'the password that encrypted it');
    throw refused('privatekey', 'it cannot be read', 'a private key in PEM');
  }
}

function namesOf(leaf: X509Certificate): string[] {
  const alternatives = [...(leaf.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):"?([^,"]+)"?/g)];
  const subject = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  const names = alternatives.length > 0 ? alternatives.map(([, name = '']) => name) : [subject ?? ''];
  return [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort();
}

/** Checks an upload. Throws 431 that names the parameter at fault, and nothing of the key. */
export function checkCertificate(upload: CertificateUpload, now: Date): CheckedCertificate {
  const leaf = readCertificate('certificate', upload.certificate, 'its chain belongs in certchain', now);
  const key = privateKeyOf(upload);
  if (!leaf.checkPrivateKey(key)) {
    throw refused('privatekey', 'it is not the key of the certificate', `the private key of ${shown(leaf.subject)}`);
  }
  const given = upload.certchain === undefined ? [] : certificatesIn('certchain', upload.certchain);
  const chain = orderedChain(leaf, given, now).map(pemOf).join('');
  const certificate = pemOf(leaf);
  if (certificate.length + chain.length > maxLength) {
    throw refused('certchain', 'it is too long', `at most ${maxLength} characters together with the certificate`);
  }
  return {
    certificate,
    chain,
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: leaf.fingerprint256,
    names: namesOf(leaf),
  };
}

/** Throws 431 where two certificates of one rule are for one name: SNI could not choose between them. */
export function refuseSharedName(
  wanted: { readonly id: string; readonly names: readonly string[] },
  others: readonly { readonly id: string; readonly name: string; readonly names: readonly string[] }[],
): void {
  for (const other of others) {
    const shared = wanted.names.find((name) => other.names.includes(name));
    if (shared === undefined) continue;
    throw parameterError(
      'certid',
      wanted.id,
      `a certificate for other names than those that the rule has, or forced=true to replace them; its certificate ${other.name} is for ${shared} too`,
    );
  }
}
