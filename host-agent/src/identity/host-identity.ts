// Who this host is, on its disk: key, certificate and authorities in one file, written whole and synced before anyone
// hears of it; until it has joined, the join token.
import {
  CertificateGrantSchema,
  EntryIdSchema,
  InstallationSchema,
  type JoinToken,
  PemSchema,
  parseJoinToken,
  validator,
} from '@isthmus/contract';
import type { Files } from '@isthmus/host';
import type { Static } from 'typebox';
import * as Type from 'typebox';

/** `pendingKey`: PEM of the last certificate request's key, not in use yet. */
const HostIdentitySchema = Type.Object(
  {
    hostId: EntryIdSchema,
    installation: InstallationSchema,
    privateKey: PemSchema,
    grant: CertificateGrantSchema,
    pendingKey: Type.Union([PemSchema, Type.Null()]),
  },
  { additionalProperties: false },
);
/** Identity of a host that has joined. */
export type HostIdentity = Static<typeof HostIdentitySchema>;
const identityValidator = validator(HostIdentitySchema);

export class HostIdentityStore {
  readonly #files: Files;
  readonly #directory: string;

  /** `state` is the host agent's directory. */
  constructor(files: Files, state: string) {
    this.#files = files;
    this.#directory = `${state}/host-agent/identity`;
  }

  /** Null where the host has not joined. Throws where the file is damaged: only a new token helps. */
  async load(): Promise<HostIdentity | null> {
    const text = await this.#files.readTextIfExists(this.#path);
    if (text === null) return null;
    const value = parsed(text);
    if (identityValidator.check(value)) return value;
    throw new Error(`${this.#path}: expected the identity of this host. Remove the file and join with a new token`);
  }

  /** Safe on disk when it resolves; a join token is spent. */
  async save(identity: HostIdentity): Promise<void> {
    await this.#make();
    await this.#files.writeText(this.#path, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
    await this.#files.remove(this.#tokenPath);
  }

  /** The token of a join that has not come to its end; null where there is none. */
  async loadToken(): Promise<JoinToken | null> {
    return parseJoinToken((await this.#files.readTextIfExists(this.#tokenPath))?.trim() ?? '');
  }

  /** Keeps a token until it is spent, so that a restart in between needs no other. */
  async saveToken(text: string): Promise<void> {
    await this.#make();
    await this.#files.writeText(this.#tokenPath, `${text}\n`, { mode: 0o600 });
  }

  async #make(): Promise<void> {
    await this.#files.makeDirectory(this.#directory, { mode: 0o700 });
  }

  get #path(): string {
    return `${this.#directory}/identity.json`;
  }

  get #tokenPath(): string {
    return `${this.#directory}/join-token`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
