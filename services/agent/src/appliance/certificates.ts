// The appliance's own key and certificate while it runs: asked for, granted, revoked; on disk before it counts.
import type { CertificateGrant, CertificateRequest, Revocations } from '@isthmus/contract';
import { SerialQueue } from '../serial-queue.ts';
import { checkIdentity } from './certificate-check.ts';
import type { ApplianceIdentity, IdentityStore } from './identity-store.ts';
import { createKeyRequest } from './key-request.ts';

/** A request that changes nothing: the grant or the order is at fault. */
export class GrantRefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GrantRefusedError';
  }
}

export class Certificates {
  readonly #store: Pick<IdentityStore, 'save'>;
  readonly #onChange: (identity: ApplianceIdentity) => void;
  readonly #queue = new SerialQueue();
  #identity: ApplianceIdentity;

  /** `onChange` is told of each identity that is safe on disk, before whoever asked is answered. */
  constructor(
    store: Pick<IdentityStore, 'save'>,
    identity: ApplianceIdentity,
    onChange: (identity: ApplianceIdentity) => void,
  ) {
    this.#store = store;
    this.#identity = identity;
    this.#onChange = onChange;
  }

  get identity(): ApplianceIdentity {
    return this.#identity;
  }

  /** Makes a key, keeps it beside the one in use, and asks for a certificate for it. */
  request(): Promise<CertificateRequest> {
    return this.#queue.run(async () => {
      const { privateKey, request } = await createKeyRequest();
      await this.#change({ ...this.#identity, pendingKey: privateKey });
      return request;
    });
  }

  /** Takes the certificate for the pending key into use. Throws GrantRefusedError, and then nothing has changed. */
  grant(grant: CertificateGrant, now = new Date()): Promise<void> {
    return this.#queue.run(async () => {
      const { id, installation, pendingKey } = this.#identity;
      if (pendingKey === null) throw new GrantRefusedError('certificate: expected one that was asked for');
      const holder = { installation, role: 'appliance', id } as const;
      const fault = checkIdentity({ holder, privateKey: pendingKey, grant }, now);
      if (fault !== null) throw new GrantRefusedError(fault);
      await this.#change({ ...this.#identity, privateKey: pendingKey, grant, pendingKey: null });
    });
  }

  /** Refuses these serial numbers, and no others, from now on. */
  revoke({ revoked }: Revocations): Promise<void> {
    return this.#queue.run(() =>
      this.#change({ ...this.#identity, grant: { ...this.#identity.grant, revoked: [...revoked] } }),
    );
  }

  async #change(identity: ApplianceIdentity): Promise<void> {
    await this.#store.save(identity);
    this.#identity = identity;
    this.#onChange(identity);
  }
}
