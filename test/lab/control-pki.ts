// A CA and who holds certificates of it, for tests that speak to an agent without an orchestrator.
import type { Bootstrap, CertificateGrant, CertificateRole, Push } from '@isthmus/contract';
import type { ControlIdentity } from '../../orchestrator/drivers/control-identity.ts';
import { type Authority, createAuthority, createKeyPair, issueCertificate } from '../../orchestrator/pki/authority.ts';

const hourMs = 3_600_000;

/** A certificate and its key, PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly privateKey: string;
  readonly serialNumber: string;
}

export class ControlPki {
  readonly installation: string;
  readonly authority: Authority;

  private constructor(installation: string, authority: Authority) {
    this.installation = installation;
    this.authority = authority;
  }

  static async create(installation: string): Promise<ControlPki> {
    return new ControlPki(installation, await createAuthority(installation));
  }

  /** `issuedAt` and `lifetimeMs` say when it is good. */
  async issue(role: CertificateRole, id: string, more: { lifetimeMs?: number; now?: Date } = {}): Promise<Credentials> {
    const { publicKey, privateKey } = createKeyPair();
    const issued = await this.#sign(role, id, publicKey, more);
    return { certificate: issued.certificate, serialNumber: issued.serialNumber, privateKey };
  }

  /** The grant for a key that somebody else made. */
  async grant(role: CertificateRole, id: string, publicKey: string): Promise<CertificateGrant> {
    const { certificate } = await this.#sign(role, id, publicKey, {});
    return { certificate, authorities: [this.authority.certificate], revoked: [] };
  }

  async bootstrap(id: string, push: Push | null): Promise<Bootstrap> {
    const { certificate, privateKey } = await this.issue('appliance', id);
    const grant = { certificate, authorities: [this.authority.certificate], revoked: [] };
    return { installation: this.installation, privateKey, grant, push };
  }

  /** What a client of an agent shows and trusts. */
  identity({ certificate, privateKey }: Credentials): ControlIdentity {
    const authorities = [this.authority.certificate];
    return {
      installation: this.installation,
      current: () => ({ certificate, privateKey, authorities }),
      isRevoked: () => false,
    };
  }

  #sign(role: CertificateRole, id: string, publicKey: string, more: { lifetimeMs?: number; now?: Date }) {
    const holder = { installation: this.installation, role, id };
    return issueCertificate(this.authority, { holder, publicKey, lifetimeMs: hourMs, ...more });
  }
}
