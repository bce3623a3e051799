import type { Static } from 'typebox';
import * as Type from 'typebox';

/**
 * Identity of a state of a document. `epoch` changes when the store is created or restored from a backup, `generation`
 * grows by one with each compiled change, `hash` is the DocumentDigest in hexadecimal. Any mismatch forces a full push.
 */
export const IdentitySchema = Type.Object(
  {
    epoch: Type.String({ pattern: '^[0-9a-f-]{8,36}$' }),
    generation: Type.Integer({ minimum: 1 }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { additionalProperties: false },
);
export type Identity = Static<typeof IdentitySchema>;

export function sameIdentity(a: Identity | null, b: Identity | null): boolean {
  if (a === null || b === null) return a === b;
  return a.epoch === b.epoch && a.generation === b.generation && a.hash === b.hash;
}
