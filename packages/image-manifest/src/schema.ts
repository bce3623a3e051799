// What the manifest of an image says. It lies beside the image's files as `manifest.json`, with its detached signature in
// `manifest.json.sig`: whoever trusts the key and finds the hashes right has the files that were built.
import type { Static } from 'typebox';
import * as Type from 'typebox';

const closed = { additionalProperties: false } as const;

/** What an image is for. `guest` is the tiny Linux of instances in tests and demos. */
export const imageRoles = ['router', 'console-proxy', 'secondary-storage', 'guest'] as const;
export type ImageRole = (typeof imageRoles)[number];

/** Kinds of files of an image: the disk in each format, the installer of it (`iso`), what a direct kernel boot takes, the bill of materials, and the agent in one file (`bundle`), as it lies in the image. */
export const imageFileKinds = [
  'raw',
  'qcow2',
  'vhd',
  'vhdx',
  'vmdk',
  'ova',
  'iso',
  'kernel',
  'initrd',
  'sbom',
  'bundle',
] as const;
export type ImageFileKind = (typeof imageFileKinds)[number];

/** SHA-256 in lower-case hexadecimal. */
const Sha256Schema = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** A file in the manifest's own folder: `name` has no slash and no leading dot. */
export const ImageFileSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' }),
    kind: Type.Enum([...imageFileKinds]),
    bytes: Type.Integer({ minimum: 1 }),
    sha256: Sha256Schema,
  },
  closed,
);
export type ImageFile = Static<typeof ImageFileSchema>;

/**
 * The manifest. `sourceDateEpoch`: seconds, the date of everything in the image. `lockSha256`: of the lock of Debian
 * packages it was built from. `requirements`: what a VM of it needs at least. `disk.virtualBytes`: size of the disk as
 * the VM sees it, of every format. `inputsSha256`: fingerprint of what the image was built from, by which a builder sees
 * that nothing has changed; absent: the builder gave none. At most one file of a kind.
 */
export const ImageManifestSchema = Type.Object(
  {
    schema: Type.Literal(1),
    role: Type.Enum([...imageRoles]),
    version: Type.String({ pattern: '^[0-9][0-9A-Za-z.+~-]{0,63}$' }),
    architecture: Type.Enum(['amd64', 'arm64']),
    debian: Type.Literal('bookworm'),
    sourceDateEpoch: Type.Integer({ minimum: 0 }),
    debug: Type.Boolean(),
    lockSha256: Sha256Schema,
    inputsSha256: Type.Optional(Sha256Schema),
    kernelCommandLine: Type.String({ maxLength: 1024, pattern: '^[ -~]*$' }),
    requirements: Type.Object(
      {
        cpus: Type.Integer({ minimum: 1, maximum: 256 }),
        memoryBytes: Type.Integer({ minimum: 16 * 1024 * 1024 }),
      },
      closed,
    ),
    disk: Type.Object({ virtualBytes: Type.Integer({ minimum: 512, multipleOf: 512 }) }, closed),
    files: Type.Array(ImageFileSchema, { minItems: 1, maxItems: 32 }),
  },
  closed,
);
export type ImageManifest = Static<typeof ImageManifestSchema>;
