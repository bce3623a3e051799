// Secrets at rest: AES-256-GCM with the installation's master key, which is never in the database.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const version = 'sealed-1';
const nonceBytes = 12;
const tagBytes = 16;

/** Seals texts for the database and opens them. */
export interface Sealer {
  /** Text that `open` alone reads; another one at each call. */
  seal(text: string): string;
  /** Throws SealedTextError where the text was not sealed with this key, or was changed since. */
  open(sealed: string): string;
}

/** A sealed text that cannot be opened: the master key is another one, or the text was changed. */
export class SealedTextError extends Error {
  constructor(keySource: string, options?: ErrorOptions) {
    super(
      `the master key of ${keySource} does not open a secret of this database: expected the key that sealed it (restore ` +
        "it from your backup, or give another orchestrator's by ISTHMUS_MASTER_KEY), and a database that nobody has changed",
      options,
    );
    this.name = 'SealedTextError';
  }
}

/** A sealer with a key of 32 bytes. `keySource` says in errors where the key is from, such as the path of its file. */
export function createSealer(key: Buffer, keySource: string): Sealer {
  return {
    seal: (text) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(version));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${version}:${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')}`;
    },
    open: (sealed) => {
      const [, encoded] = /^sealed-1:([A-Za-z0-9+/]+={0,2})$/.exec(sealed) ?? [];
      const bytes = Buffer.from(encoded ?? '', 'base64');
      if (bytes.length < nonceBytes + tagBytes) throw new SealedTextError(keySource);
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        decipher.setAAD(Buffer.from(version));
        decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
        const body = bytes.subarray(nonceBytes + tagBytes);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new SealedTextError(keySource, { cause });
      }
    },
  };
}
