// This host's key and certificate while it runs: asked for, granted, revoked; on disk before it counts.
import { checkIdentity, createKeyRequest, type KeyRequest } from '@isthmus/agent';
import type { CertificateGrant, CertificateRequest, JoinGrant, JoinToken, Revocations } from '@isthmus/contract';
import { HostAgentError } from '../errors.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { HostIdentity, HostIdentityStore } from './host-identity.ts';

/** What a host is where it serves others: a member of its installation, or one that waits to be joined by `token`. */
export type Membership = { readonly identity: HostIdentity } | { readonly token: JoinToken };

/** Throws HostAgentError (`invalid`) where a key and a grant do not make the certificate of this host. */
function refuseOther({ installation, hostId }: Omit<JoinGrant, 'grant'>, privateKey: string, grant: CertificateGrant) {
  const holder = { installation, role: 'host', id: hostId } as const;
  const fault = checkIdentity({ holder, privateKey, grant }, new Date());
  if (fault !== null) throw new HostAgentError('invalid', fault);
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
      await this.#change({ ...this.#identity(), pendingKey: privateKey });
      return request;
    });
  }

  /** Takes the certificate for the pending key into use. Throws HostAgentError, and then nothing has changed. */
  grant(grant: CertificateGrant): Promise<void> {
    return this.#turns.run('identity', async () => {
      const before = this.#identity();
      const { pendingKey } = before;
      if (pendingKey === null) {
        throw new HostAgentError('conflict', 'certificate: expected POST /v1/certificate/request before it');
      }
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
