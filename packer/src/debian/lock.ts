// The committed lock: which packages, in which versions and with which bytes, an image of a role is made of.
import { type ApplianceRole, type Architecture, appliancesFolder } from '@isthmus/appliances';
import type { Files } from '@isthmus/host';
import Type, { type Static } from 'typebox';
import Compile from 'typebox/compile';
import { ImageBuildError } from '../image-build-error.ts';

const closed = { additionalProperties: false } as const;

/** A package. `archive`: the suite that it came from; `path`: its file below the archive; `use`: where it goes. */
const LockedPackageSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9+.-]+$' }),
    version: Type.String({ pattern: '^[0-9A-Za-z.+:~-]+$' }),
    architecture: Type.Enum(['amd64', 'all']),
    use: Type.Enum(['root', 'boot', 'debug']),
    archive: Type.String({ pattern: '^[a-z-]+$' }),
    path: Type.String({ pattern: '^pool/[0-9A-Za-z.+~_%/-]+\\.deb$' }),
    bytes: Type.Integer({ minimum: 1 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  closed,
);
export type LockedPackage = Static<typeof LockedPackageSchema>;

/** `sourceDateEpoch`: seconds since 1970, the date of the archive that the lock was made from and of every file of the image. */
const DebianLockSchema = Type.Object(
  {
    schema: Type.Literal(1),
    role: Type.String(),
    architecture: Type.String(),
    release: Type.String(),
    sourceDateEpoch: Type.Integer({ minimum: 0 }),
    packages: Type.Array(LockedPackageSchema),
  },
  closed,
);
export type DebianLock = Static<typeof DebianLockSchema>;

const compiled = Compile(DebianLockSchema);

/** File of a role's lock: JSON, a package a line, which a formatter of `.json` files would tear apart. */
export function lockPath(role: ApplianceRole, architecture: Architecture): string {
  return `${appliancesFolder}locks/${role}.${architecture}.lock`;
}

/** The one text of a lock: a package a line, so that a change of one is a change of one line. */
export function lockText({ packages, ...head }: DebianLock): string {
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lines = sorted.map((entry) => `    ${JSON.stringify(entry)}`);
  const start = JSON.stringify(head, null, 2).replace(/\n}$/, ',');
  return `${start}\n  "packages": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** Reads the text of a lock. Throws ImageBuildError that names the field. */
export function parseLock(text: string, path: string): DebianLock {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ImageBuildError(`${path}: it is no JSON text`, { cause: error });
  }
  if (!compiled.Check(value)) {
    const [fault] = compiled.Errors(value);
    throw new ImageBuildError(`${path}: ${fault?.instancePath ?? ''}: ${fault?.message ?? 'is no lock'}`);
  }
  return value;
}

/** The committed lock of a role and its text. Throws ImageBuildError where there is none or it is not sound. */
export async function readLock(
  files: Files,
  role: ApplianceRole,
  architecture: Architecture,
): Promise<{ lock: DebianLock; text: string }> {
  const path = lockPath(role, architecture);
  const text = await files.readTextIfExists(path);
  if (text === null) {
    throw new ImageBuildError(`${path} is absent. To make it: npm run image -- ${role} --update-lock`);
  }
  return { lock: parseLock(text, path), text };
}
