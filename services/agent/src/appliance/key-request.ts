// A new key, and what asks for a certificate for it: of a host's agent and of an appliance's.
import { createPublicKey, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { type CertificateRequest, certificateRequestContext } from '@isthmus/contract';

/** A new key, in PEM, and what asks for a certificate for it. */
export interface KeyRequest {
  readonly privateKey: string;
  readonly request: CertificateRequest;
}

/** Makes a key and proves that whoever asks has it. */
export async function createKeyRequest(): Promise<KeyRequest> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString();
  const proof = sign('sha256', Buffer.from(`${certificateRequestContext}${publicKey}`), privateKey).toString('base64');
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    request: { publicKey, proof },
  };
}
