// Tickets, resume tokens and the secrets of grants: the database keeps their digests alone.
import { createHash, randomBytes } from 'node:crypto';

/** 32 random bytes in base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256 of a secret's text, in hexadecimal. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
