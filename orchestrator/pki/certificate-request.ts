// A certificate request and its proof that whoever asks has the private key.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type CertificateRequest, certificateRequestContext } from '@isthmus/contract';
import type { KeyPair } from './authority.ts';

/** A request that cannot be granted. */
export class CertificateRequestError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CertificateRequestError';
  }
}

/** The request for a certificate of a key: its proof is an ECDSA-SHA256 signature in DER. */
export function createCertificateRequest({ publicKey, privateKey }: KeyPair): CertificateRequest {
  const signed = Buffer.from(`${certificateRequestContext}${publicKey}`);
  return { publicKey, proof: sign('sha256', signed, createPrivateKey(privateKey)).toString('base64') };
}

function readKey(publicKey: string): KeyObject {
  try {
    return createPublicKey(publicKey);
  } catch (cause) {
    throw new CertificateRequestError('publicKey: expected a public key in PEM', { cause });
  }
}

/** Throws CertificateRequestError where the key is not ECDSA P-256, or the proof was not made with it. */
export function checkCertificateRequest({ publicKey, proof }: CertificateRequest): void {
  // Node makes a public key of a private one too; nobody may hand that one out.
  if (!publicKey.startsWith('-----BEGIN PUBLIC KEY-----\n')) {
    throw new CertificateRequestError('publicKey: expected a public key in PEM (BEGIN PUBLIC KEY)');
  }
  const key = readKey(publicKey);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new CertificateRequestError('publicKey: expected an ECDSA key of the curve P-256');
  }
  const signed = Buffer.from(`${certificateRequestContext}${publicKey}`);
  if (!verify('sha256', signed, key, Buffer.from(proof, 'base64'))) {
    throw new CertificateRequestError('proof: expected the signature of the public key, made with its private key');
  }
}
