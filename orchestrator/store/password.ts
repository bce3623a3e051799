// Passwords at rest: scrypt (RFC 7914) with a salt of their own.
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

// OWASP's parameters for scrypt: 16 MiB and some 50 ms of one core.
const cost: ScryptOptions = { N: 2 ** 14, r: 8, p: 5 };
const keyLength = 32;
const form = /^scrypt\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, keyLength, cost, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** The text to keep for a password. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt);
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

const nobody = `scrypt$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** True where the password is the one of the hash. A null hash (no such user) costs the same time and is never true. */
export async function passwordMatches(password: string, hash: string | null): Promise<boolean> {
  const [, salt = '', key = ''] = form.exec(hash ?? nobody) ?? form.exec(nobody) ?? [];
  const derived = await derive(password, Buffer.from(salt, 'base64url'));
  return timingSafeEqual(derived, Buffer.from(key, 'base64url')) && hash !== null;
}

/** A password that nobody chose: 20 characters, 119 bits. */
export function generatePassword(): string {
  return randomBytes(15).toString('base64url');
}

/** An API key or a secret key, as CloudStack has them: 86 characters of base64url, 512 bits. */
export function generateKey(): string {
  return randomBytes(64).toString('base64url');
}
