// This orchestrator's own certificate, those that it issues to hosts and appliances, and what it refuses. Every
// orchestrator of a database shares one CA through it; each has a key of its own, in memory alone.
import { X509Certificate } from 'node:crypto';
import type { CertificateGrant, CertificateHolder, CertificateRequest, CertificateRole } from '@isthmus/contract';
import type { ControlCertificate, ControlIdentity } from '../drivers/control-identity.ts';
import { ApiError } from '../model/api-error.ts';
import {
  type Authority,
  createAuthority,
  createKeyPair,
  type IssuedCertificate,
  issueCertificate,
  type KeyPair,
} from '../pki/authority.ts';
import { checkCertificateRequest } from '../pki/certificate-request.ts';
import type { Sealer } from '../pki/sealer.ts';
import {
  type AuthorityRow,
  authorityRows,
  type CertificateRow,
  certificateRow,
  deleteAuthority,
  forgetExpiredCertificates,
  goodCertificateOf,
  goodCertificates,
  insertAuthority,
  insertCertificate,
  lockAuthorities,
  revokeCertificates,
  revokedSerialNumbers,
  sharedInstallation,
} from '../store/certificate.ts';
import type { Db, Trx } from '../store/database.ts';

export interface CertificateOptions {
  readonly db: Db;
  readonly sealer: Sealer;
  /** Of this machine; where orchestrators of several share the database, certificates name that of the first. */
  readonly installation: string;
  /** Names this orchestrator in its certificate. */
  readonly holder: string;
  readonly setting: (name: string) => Promise<string>;
}

/** Setting of the lifetime of a role's certificates, and how many ms its unit has. */
const lifetimeSettings: Readonly<Record<CertificateRole, readonly [name: string, unitMs: number]>> = {
  orchestrator: ['ca.framework.orchestrator.cert.validity.hours', 3_600_000],
  host: ['ca.framework.cert.validity.period', 86_400_000],
  appliance: ['ca.framework.cert.validity.period', 86_400_000],
};

/** Besides the current CA, so many old ones can be trusted, as a grant holds. */
const mostAuthorities = 4;

/** True from half of its life on. */
function isPastHalf(from: Date, to: Date): boolean {
  return Date.now() > (from.getTime() + to.getTime()) / 2;
}

function isUnder(certificate: string, authority: AuthorityRow): boolean {
  const issuer = new X509Certificate(authority.certificate);
  const issued = new X509Certificate(certificate);
  return issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
}

/** The certificates of the control path, as one orchestrator has and issues them. */
export class Certificates {
  readonly identity: ControlIdentity;
  /** The same, for connections on which an expired certificate is renewed, and nothing else is done. */
  readonly renewingIdentity: ControlIdentity;
  readonly #options: CertificateOptions;
  readonly #holder: string;
  #own: {
    readonly row: IssuedCertificate;
    readonly keys: KeyPair;
    readonly authorityId: string;
    readonly since: Date;
  } | null = null;
  #authorities: readonly AuthorityRow[] = [];
  #revoked: ReadonlySet<string> = new Set();

  private constructor(options: CertificateOptions, installation: string) {
    this.#options = { ...options, installation };
    this.#holder = options.holder.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
    this.identity = {
      installation,
      current: () => this.#current(),
      isRevoked: (serialNumber) => this.#revoked.has(serialNumber),
    };
    this.renewingIdentity = { ...this.identity, acceptsExpired: true };
  }

  /** Makes the CA where there is none yet, and this orchestrator's certificate. Throws SealedTextError with a wrong master key. */
  static async open(options: CertificateOptions): Promise<Certificates> {
    const { db, sealer } = options;
    const installation = await db.transaction().execute(async (trx) => {
      await lockAuthorities(trx);
      const shared = await sharedInstallation(trx, options.installation);
      if ((await authorityRows(trx)).length === 0) await addAuthority(trx, await createAuthority(shared), sealer);
      return shared;
    });
    const certificates = new Certificates(options, installation);
    await certificates.refresh();
    return certificates;
  }

  /** Reads what other orchestrators changed, and renews this one's certificate past half of its life. */
  async refresh(): Promise<void> {
    const { db } = this.#options;
    this.#authorities = await authorityRows(db);
    this.#revoked = new Set(await revokedSerialNumbers(db));
    const authority = await this.#authorityForPeers();
    const own = this.#own;
    const isGood =
      own !== null &&
      own.authorityId === authority.id &&
      !this.#revoked.has(own.row.serialNumber) &&
      !isPastHalf(own.since, own.row.notAfter);
    if (isGood) return;
    const keys = createKeyPair();
    const row = await this.#issue(db, authority, { role: 'orchestrator', id: this.#holder }, keys.publicKey);
    this.#own = { row, keys, authorityId: authority.id, since: new Date() };
  }

  /** Grants a request after its proof. Throws CertificateRequestError. */
  async grant(subject: Subject, request: CertificateRequest): Promise<CertificateGrant> {
    checkCertificateRequest(request);
    return this.#grant(subject, request.publicKey);
  }

  /** A new key with its certificate, for the config drive of an appliance. */
  async issueWithKey(subject: Subject): Promise<{ privateKey: string; grant: CertificateGrant; serialNumber: string }> {
    const { privateKey, publicKey } = createKeyPair();
    const grant = await this.#grant(subject, publicKey);
    return { privateKey, grant, serialNumber: serialNumberOf(grant.certificate) };
  }

  /** The holder's newest certificate that counts; undefined where it has none. */
  certificateOf({ role, id }: Subject): Promise<CertificateRow | undefined> {
    return goodCertificateOf(this.#options.db, role, id);
  }

  /** True where a peer's certificate is to be replaced: past half of its life, or issued by an old CA. */
  isDue(row: CertificateRow): boolean {
    const current = this.#authorities.find((authority) => authority.is_current);
    if (isPastHalf(row.created, row.not_after)) return true;
    return this.#authorities.length > 1 && current !== undefined && !isUnder(row.certificate, current);
  }

  /** True for a certificate of the holder that was issued here and not revoked, also where it has expired. */
  async mayRenew({ role, id }: Subject, serialNumber: string): Promise<boolean> {
    const row = await certificateRow(this.#options.db, serialNumber);
    return row !== undefined && row.role === role && row.subject_id === id && row.revoked === null;
  }

  /** Refuses every certificate of a holder from now on, besides the one with the serial number `besides`. */
  async revoke({ role, id }: Subject, besides?: string): Promise<void> {
    if (await revokeCertificates(this.#options.db, role, id, besides)) {
      this.#revoked = new Set(await revokedSerialNumbers(this.#options.db));
    }
  }

  /** Serial numbers that are refused, in order. */
  revoked(): string[] {
    return [...this.#revoked];
  }

  /** PEM of every trusted CA, the oldest first. */
  authorities(): string[] {
    return this.#authorities.map((authority) => authority.certificate);
  }

  /**
   * A new CA issues from now on. The old one is trusted until nothing good is under it; peers are renewed meanwhile.
   * Throws ApiError 536 while too many old ones are.
   */
  async replaceAuthority(): Promise<void> {
    const { db, installation, sealer } = this.#options;
    await db.transaction().execute(async (trx) => {
      await lockAuthorities(trx);
      if ((await authorityRows(trx)).length >= mostAuthorities) {
        throw new ApiError('inUse', `${mostAuthorities} CAs are trusted already: wait until the oldest has ended`);
      }
      await addAuthority(trx, await createAuthority(installation), sealer);
    });
    await this.refresh();
  }

  /** Replaces a CA past half of its life; forgets expired certificates, and old CAs under which nothing is good any more. */
  async tidy(): Promise<void> {
    const { db } = this.#options;
    const current = this.#currentAuthority();
    if (isPastHalf(current.created, new X509Certificate(current.certificate).validToDate))
      await this.replaceAuthority();
    await forgetExpiredCertificates(db);
    const old = this.#authorities.filter((authority) => !authority.is_current);
    if (old.length === 0) return;
    const good = await goodCertificates(db);
    for (const authority of old) {
      if (!good.some(({ certificate }) => isUnder(certificate, authority))) await deleteAuthority(db, authority.id);
    }
  }

  #current(): ControlCertificate {
    if (this.#own === null) throw new Error('this orchestrator has no certificate yet');
    const { row, keys } = this.#own;
    return { certificate: row.certificate, privateKey: keys.privateKey, authorities: this.authorities() };
  }

  /**
   * Which CA every peer trusts: while a host's or appliance's newest certificate is under an old one, its list of
   * trusted CAs may lack the new one.
   */
  async #authorityForPeers(): Promise<AuthorityRow> {
    const current = this.#currentAuthority();
    if (this.#authorities.length === 1) return current;
    const peers = new Map<string, string>();
    for (const row of await goodCertificates(this.#options.db)) {
      const peer = `${row.role} ${row.subject_id}`;
      if (row.role !== 'orchestrator' && !peers.has(peer)) peers.set(peer, row.certificate);
    }
    const newest = [...peers.values()];
    return this.#authorities.find((authority) => newest.some((pem) => isUnder(pem, authority))) ?? current;
  }

  #currentAuthority(): AuthorityRow {
    const current = this.#authorities.find((authority) => authority.is_current);
    if (current === undefined) throw new Error('certificate_authority: expected one current row');
    return current;
  }

  async #grant(subject: Subject, publicKey: string): Promise<CertificateGrant> {
    const { db } = this.#options;
    // Another orchestrator may have replaced the CA a moment ago.
    this.#authorities = await authorityRows(db);
    const { certificate } = await this.#issue(db, this.#currentAuthority(), subject, publicKey);
    return { certificate, authorities: this.authorities(), revoked: await revokedSerialNumbers(db) };
  }

  async #issue(db: Db, row: AuthorityRow, subject: Subject, publicKey: string): Promise<IssuedCertificate> {
    const { installation, sealer, setting } = this.#options;
    const [name, unitMs] = lifetimeSettings[subject.role];
    const lifetimeMs = Number(await setting(name)) * unitMs;
    if (!(lifetimeMs > 0)) throw new Error(`setting ${name}: expected a number above 0`);
    const authority: Authority = { certificate: row.certificate, privateKey: sealer.open(row.sealed_private_key) };
    const issued = await issueCertificate(authority, { holder: { installation, ...subject }, publicKey, lifetimeMs });
    await insertCertificate(db, {
      serial_number: issued.serialNumber,
      role: subject.role,
      subject_id: subject.id,
      certificate: issued.certificate,
      not_before: issued.notBefore,
      not_after: issued.notAfter,
      revoked: null,
    });
    return issued;
  }
}

/** As Node's TLS shows it. */
export function serialNumberOf(certificate: string): string {
  return new X509Certificate(certificate).serialNumber;
}

/** Who a certificate is for, in this installation. */
export type Subject = Pick<CertificateHolder, 'role' | 'id'>;

async function addAuthority(trx: Trx, { certificate, privateKey }: Authority, sealer: Sealer): Promise<void> {
  await insertAuthority(trx, { certificate, sealedPrivateKey: sealer.seal(privateKey) });
}
