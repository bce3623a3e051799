// Certificates for the tests of the control path: a CA, whoever it certifies, and keys.
import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { type CertificateGrant, type CertificateHolder, holderUri } from '@isthmus/contract';
import * as x509 from '@peculiar/x509';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;

export interface TestKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** PKCS #8 in PEM. */
  readonly privatePem: string;
}

export interface TestCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly serialNumber: string;
}

function newKeys(): TestKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey, privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

/** 16 bytes, without a leading zero. */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x41;
  return bytes.toString('hex').toUpperCase();
}

export class TestAuthority {
  readonly certificate: string;
  readonly #keys: TestKeys;
  readonly #issuer: string;

  private constructor(certificate: string, keys: TestKeys, issuer: string) {
    this.certificate = certificate;
    this.#keys = keys;
    this.#issuer = issuer;
  }

  static async create(name = 'test authority'): Promise<TestAuthority> {
    const keys = newKeys();
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerialNumber(),
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + 24 * hourMs),
      signingAlgorithm,
      keys: {
        privateKey: keys.privateKey.toCryptoKey(curve, true, ['sign']),
        publicKey: keys.publicKey.toCryptoKey(curve, true, ['verify']),
      },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestAuthority(`${made.toString('pem')}\n`, keys, made.subject);
  }

  /** A certificate for a holder. `from` and `to`: hours from now; default an hour ago and in an hour. */
  async issue(
    holder: CertificateHolder,
    more: { readonly keys?: TestKeys; readonly from?: number; readonly to?: number } = {},
  ): Promise<TestCertificate> {
    const keys = more.keys ?? newKeys();
    const certificate = await this.sign(holder, keys.publicKey, more);
    return { ...certificate, privateKey: keys.privatePem };
  }

  /** A certificate for a public key. */
  async sign(
    holder: CertificateHolder,
    publicKey: KeyObject,
    { from = -1, to = 1 }: { readonly from?: number; readonly to?: number } = {},
  ): Promise<Omit<TestCertificate, 'privateKey'>> {
    const serialNumber = newSerialNumber();
    const made = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject: `CN=${holder.role}`,
      issuer: this.#issuer,
      notBefore: new Date(Date.now() + from * hourMs),
      notAfter: new Date(Date.now() + to * hourMs),
      signingAlgorithm,
      publicKey: publicKey.toCryptoKey(curve, true, ['verify']),
      signingKey: this.#keys.privateKey.toCryptoKey(curve, true, ['sign']),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: holderUri(holder) }], true),
      ],
    });
    return { certificate: `${made.toString('pem')}\n`, serialNumber };
  }

  grant(certificate: string, revoked: readonly string[] = []): CertificateGrant {
    return { certificate, authorities: [this.certificate], revoked: [...revoked] };
  }
}
