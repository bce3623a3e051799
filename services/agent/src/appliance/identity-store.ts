// Who this appliance is, on the state partition: one file, written whole, synced with its directory before anyone hears.
import {
  CertificateGrantSchema,
  type ConfigDrive,
  ControlNicSchema,
  EntryIdSchema,
  InstallationSchema,
  InterfaceNameSchema,
  MacAddressSchema,
  PemSchema,
  validator,
} from '@isthmus/contract';
import type { Files } from '@isthmus/host';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { goodFrom } from './certificate-check.ts';
import type { ReadDrive } from './config-drive.ts';

const closed = { additionalProperties: false } as const;

/** `pendingKey`: PEM of the last certificate request's key; `driveSha256` tells a config drive that was taken already. */
const IdentitySchema = Type.Object(
  {
    id: EntryIdSchema,
    installation: InstallationSchema,
    privateKey: PemSchema,
    grant: CertificateGrantSchema,
    pendingKey: Type.Union([PemSchema, Type.Null()]),
    control: ControlNicSchema,
    nics: Type.Array(Type.Object({ name: InterfaceNameSchema, macAddress: MacAddressSchema }, closed)),
    driveSha256: Type.String(),
    imageKeys: Type.Optional(Type.Array(PemSchema)),
  },
  closed,
);
/** Identity of this appliance as it is stored. */
export type ApplianceIdentity = Static<typeof IdentitySchema>;
const identityValidator = validator(IdentitySchema);

/** The identity that a new config drive gives; certificates that were granted since it was made are kept. */
export function takeDrive(before: ApplianceIdentity | null, { config, sha256 }: ReadDrive): ApplianceIdentity {
  const { id, control, nics, bootstrap } = config;
  const { installation, privateKey, grant, imageKeys = [] } = bootstrap;
  const given = {
    id,
    installation,
    privateKey,
    grant,
    pendingKey: null,
    control,
    nics,
    driveSha256: sha256,
    imageKeys,
  };
  const isSame = before !== null && before.id === id && before.installation === installation;
  if (!isSame || goodFrom(before.grant.certificate) <= goodFrom(grant.certificate)) return given;
  return { ...given, privateKey: before.privateKey, grant: before.grant, pendingKey: before.pendingKey };
}

/** True where the config drive is one that was not taken yet. */
export function isNewDrive(before: ApplianceIdentity | null, { sha256 }: ReadDrive): boolean {
  return before?.driveSha256 !== sha256;
}

/** The push of a config drive, where it may be newer than the document on disk. */
export type FirstPush = ConfigDrive['bootstrap']['push'];

export class IdentityStore {
  readonly #files: Files;
  readonly #directory: string;

  /** Keeps `identity.json` in `directory`, which it makes. */
  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Null where there is none, or what is there is damaged: the appliance then waits for a config drive. */
  async load(): Promise<ApplianceIdentity | null> {
    const text = await this.#files.readTextIfExists(this.#path);
    if (text === null) return null;
    try {
      const value: unknown = JSON.parse(text);
      return identityValidator.check(value) ? value : null;
    } catch {
      return null;
    }
  }

  /** Safe on disk when it resolves. */
  async save(identity: ApplianceIdentity): Promise<void> {
    await this.#files.makeDirectory(this.#directory, { mode: 0o700 });
    await this.#files.writeText(this.#path, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
  }

  get #path(): string {
    return `${this.#directory}/identity.json`;
  }
}
