// The signature of a manifest: one line `isthmus-image-v1 KEYID BASE64`. It is Ed25519 over the bytes of manifest.json as
// they are, so that `openssl pkeyutl -verify -rawin` can check it too. The keys sign nothing but manifests.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ImageManifestError, parseManifest } from './manifest.ts';
import type { ImageManifest } from './schema.ts';

const format = 'isthmus-image-v1';
/** 64 bytes in base64. */
const line = /^isthmus-image-v1 ([0-9a-f]{64}) ([A-Za-z0-9+/]{86}==)\n?$/;

function ed25519(key: KeyObject, what: string): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`${what}: a key of type ed25519 is needed, not ${key.asymmetricKeyType}`);
  }
  return key;
}

function idOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Id of a key: SHA-256 of the public key's SPKI in DER, hexadecimal. Takes the public or the private key in PEM. */
export function imageKeyId(pem: string): string {
  return idOf(ed25519(createPublicKey(pem), 'key of images'));
}

/** Text of `manifest.json.sig` for the bytes of `manifestBytes`, signed with an Ed25519 key (PKCS#8 in PEM). */
export function signManifest(bytes: Uint8Array, privatePem: string): string {
  parseManifest(bytes);
  const key = ed25519(createPrivateKey(privatePem), 'signing key of images');
  return `${format} ${idOf(createPublicKey(key))} ${sign(null, bytes, key).toString('base64')}\n`;
}

/**
 * The manifest, where `signatureText` (text of manifest.json.sig; null: there is no such file) is a signature of exactly
 * these bytes by one of the trusted keys (Ed25519, SPKI in PEM). Throws ImageManifestError otherwise. That the files are
 * those of the manifest is for the caller to check, by `bytes` and `sha256`.
 */
export function verifyManifest(
  bytes: Uint8Array,
  signatureText: string | null,
  trustedPublicPems: readonly string[],
): ImageManifest {
  if (signatureText === null || signatureText.trim() === '') {
    throw new ImageManifestError('unsigned', 'image is not signed: manifest.json.sig is missing or empty');
  }
  const [, keyId, signature] = line.exec(signatureText) ?? [];
  const signed = Buffer.from(signature ?? '', 'base64');
  if (keyId === undefined || signed.toString('base64') !== signature) {
    throw new ImageManifestError(
      'bad-signature',
      `signature of the image: manifest.json.sig must be one line "${format} KEY-ID SIGNATURE"`,
    );
  }
  const key = trustedPublicPems
    .map((pem) => ed25519(createPublicKey(pem), 'trusted key of images'))
    .find((trusted) => idOf(trusted) === keyId);
  if (key === undefined) {
    throw new ImageManifestError(
      'unknown-key',
      `signature of the image: made with key ${keyId}, which is not among the ${trustedPublicPems.length} trusted keys`,
    );
  }
  if (!verify(null, bytes, key, signed)) {
    throw new ImageManifestError(
      'bad-signature',
      'signature of the image: manifest.json is not what was signed; it was changed after the build',
    );
  }
  return parseManifest(bytes);
}
