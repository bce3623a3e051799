// This host's key and certificate while it runs: asked for, granted, revoked; on disk before it counts.
import { X509Certificate } from 'node:crypto';
import { checkIdentity, createKeyRequest, type KeyRequest } from '@isthmus/agent';
import {
  type CertificateGrant,
  type CertificateRequest,
  holderOfSubjectAltName,
  type JoinGrant,
  type JoinToken,
  type Revocations,
} from '@isthmus/contract';
import { HostAgentError } from '../errors.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { HostIdentity, HostIdentityStore } from './host-identity.ts';

/**
 * What a host is: a member of its installation, one that waits to be joined by `token`, or one of `installation` that serves
 * its orchestrator on a Unix socket alone, and has no certificate yet.
 */
export type Membership =
  | { readonly identity: HostIdentity }
  | { readonly token: JoinToken }
  | { readonly installation: string };

/** Throws HostAgentError (`invalid`) where a key and a grant do not make the certificate of this host. */
function refuseOther({ installation, hostId }: Omit<JoinGrant, 'grant'>, privateKey: string, grant: CertificateGrant) {
  const holder = { installation, role: 'host', id: hostId } as const;
  const fault = checkIdentity({ holder, privateKey, grant }, new Date());
  if (fault !== null) throw new HostAgentError('invalid', fault);
}

function noRequest(): HostAgentError {
  return new HostAgentError('conflict', 'certificate: expected POST /v1/certificate/request before it');
}

/** The id that a certificate names. Throws HostAgentError (`invalid`). */
function hostOf({ certificate }: CertificateGrant): string {
  try {
    const { id } = holderOfSubjectAltName(new X509Certificate(certificate).subjectAltName) ?? {};
    if (id !== undefined) return id;
  } catch {
    // Said below.
  }
  throw new HostAgentError('invalid', 'certificate: expected one that names a host of the installation');
}

export class HostCertificates {
  readonly #store: HostIdentityStore;
  readonly #turns = new KeyedLock();
  readonly #onChange: (identity: HostIdentity) => void;
  #membership: Membership;
  #offered: KeyRequest | null = null;

  /** `onChange` is told of each identity that is safe on disk, before whoever asked is answered. */
  constructor(store: HostIdentityStore, membership: Membership, onChange: (identity: HostIdentity) => void) {
    this.#store = store;
    this.#membership = membership;
    this.#onChange = onChange;
  }

  get membership(): Membership {
    return this.#membership;
  }

  /** Who this host is; null until it has a certificate. */
  get identity(): HostIdentity | null {
    return 'identity' in this.#membership ? this.#membership.identity : null;
  }

  /** The request of a host that has no certificate yet, the same until it has joined. */
  offer(): Promise<CertificateRequest> {
    return this.#turns.run('identity', async () => {
      this.#offered ??= await createKeyRequest();
      return this.#offered.request;
    });
  }

  /** Becomes the host that the token was for. Throws HostAgentError, and then nothing has changed. */
  join({ installation, hostId, grant }: JoinGrant): Promise<void> {
    return this.#turns.run('identity', async () => {
      const before = this.#membership;
      if (!('token' in before)) throw new HostAgentError('conflict', 'this host has joined: its token is spent');
      const { token } = before;
      if (installation !== token.installation || hostId !== token.hostId) {
        const expected = `host ${token.hostId} of installation ${token.installation}, as in the join token`;
        throw new HostAgentError('invalid', `hostId ${hostId} of installation ${installation}: expected ${expected}`);
      }
      if (this.#offered === null) throw new HostAgentError('conflict', 'grant: expected GET /v1/join before it');
      const { privateKey } = this.#offered;
      refuseOther({ installation, hostId }, privateKey, grant);
      await this.#change({ hostId, installation, privateKey, grant, pendingKey: null });
      this.#offered = null;
    });
  }

  /** Makes a key, keeps it beside the one in use, and asks for a certificate for it. */
  request(): Promise<CertificateRequest> {
    return this.#turns.run('identity', async () => {
      const { privateKey, request } = await createKeyRequest();
      if ('installation' in this.#membership) {
        this.#offered = { privateKey, request };
        return request;
      }
      await this.#change({ ...this.#identity(), pendingKey: privateKey });
      return request;
    });
  }

  /** Takes the certificate for the pending key into use. Throws HostAgentError, and then nothing has changed. */
  grant(grant: CertificateGrant): Promise<void> {
    return this.#turns.run('identity', async () => {
      if ('installation' in this.#membership) return this.#begin(this.#membership.installation, grant);
      const before = this.#identity();
      const { pendingKey } = before;
      if (pendingKey === null) throw noRequest();
      refuseOther(before, pendingKey, grant);
      await this.#change({ ...before, privateKey: pendingKey, grant, pendingKey: null });
    });
  }

  /** Refuses these serial numbers, and no others, from now on. */
  revoke({ revoked }: Revocations): Promise<void> {
    return this.#turns.run('identity', async () => {
      const before = this.#identity();
      await this.#change({ ...before, grant: { ...before.grant, revoked: [...revoked] } });
    });
  }

  /** Who asks by the Unix socket is the machine's root: its certificate says which host this is. */
  async #begin(installation: string, grant: CertificateGrant): Promise<void> {
    if (this.#offered === null) throw noRequest();
    const { privateKey } = this.#offered;
    const hostId = hostOf(grant);
    refuseOther({ installation, hostId }, privateKey, grant);
    await this.#change({ hostId, installation, privateKey, grant, pendingKey: null });
    this.#offered = null;
  }

  #identity(): HostIdentity {
    if ('identity' in this.#membership) return this.#membership.identity;
    throw new HostAgentError('conflict', 'expected a host that has joined');
  }

  async #change(identity: HostIdentity): Promise<void> {
    await this.#store.save(identity);
    this.#membership = { identity };
    this.#onChange(identity);
  }
}
