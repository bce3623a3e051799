// The last good document on disk: one file, its owner's alone, since it holds the key of a certificate.
import {
  ConsoleProxyDocumentSchema,
  type ConsoleProxyPush,
  IdentitySchema,
  validator,
  wholeDocumentHash,
} from '@isthmus/contract';
import type { Files, Log } from '@isthmus/host';
import type { Static } from 'typebox';
import * as Type from 'typebox';

/** `served` null: a newer fencing token came, and no document yet. */
const StoredSchema = Type.Object(
  {
    fencingToken: Type.Integer({ minimum: 0 }),
    served: Type.Union([
      Type.Object({ identity: IdentitySchema, document: ConsoleProxyDocumentSchema }, { additionalProperties: false }),
      Type.Null(),
    ]),
  },
  { additionalProperties: false },
);
/** What lies on disk. */
export type StoredDocument = Static<typeof StoredSchema>;
const storedValidator = validator(StoredSchema);

/** A document and who it is. */
export type ServedDocument = NonNullable<StoredDocument['served']>;

const nothing: StoredDocument = { fencingToken: 0, served: null };

/** What a push is on disk. */
export function servedOf({ target, document }: ConsoleProxyPush): ServedDocument {
  return { identity: target, document };
}

/** A file that is damaged, or of another release, is told and counts as none: the orchestrator pushes again. */
export async function loadDocument(files: Files, log: Log, path: string): Promise<StoredDocument> {
  const text = await files.readTextIfExists(path);
  if (text === null) return nothing;
  try {
    const stored: unknown = JSON.parse(text);
    if (!storedValidator.check(stored)) throw new Error('it is not what this release writes');
    if (stored.served !== null && wholeDocumentHash(stored.served.document) !== stored.served.identity.hash) {
      throw new Error('the document has another hash than it says');
    }
    return stored;
  } catch (error) {
    // The text itself is a secret.
    const reason = error instanceof SyntaxError ? 'it is no JSON' : String(error);
    log.error('the document on disk is damaged: a new one is needed', { path, reason });
    return nothing;
  }
}

/** Safe on disk when it resolves. */
export async function saveDocument(files: Files, path: string, stored: StoredDocument): Promise<void> {
  await files.writeText(path, `${JSON.stringify(stored)}\n`, { mode: 0o600 });
}
