// The appliance's own key and certificate while it runs: asked for, granted, revoked; on disk before it counts.
import { createPrivateKey, createPublicKey, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import {
  type CertificateGrant,
  type CertificateRequest,
  certificateRequestContext,
  type Revocations,
} from '@isthmus/contract';
import { SerialQueue } from '../serial-queue.ts';
import { checkIdentity } from './certificate-check.ts';
import type { ApplianceIdentity, IdentityStore } from './identity-store.ts';

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
      const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
      const pendingKey = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const publicKey = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString();
      await this.#change({ ...this.#identity, pendingKey });
      const signed = Buffer.from(`${certificateRequestContext}${publicKey}`);
      return { publicKey, proof: sign('sha256', signed, createPrivateKey(pendingKey)).toString('base64') };
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
