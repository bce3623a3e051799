import Compile from 'typebox/compile';
import { type ImageFile, type ImageFileKind, type ImageManifest, ImageManifestSchema } from './schema.ts';

/** Why an image is not trusted. */
export type ImageManifestFault = 'malformed' | 'unsigned' | 'unknown-key' | 'bad-signature';

/** A manifest that is not to be trusted. The message is for a person. */
export class ImageManifestError extends Error {
  readonly fault: ImageManifestFault;

  constructor(fault: ImageManifestFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageManifestError';
    this.fault = fault;
  }
}

const compiled = Compile(ImageManifestSchema);
/** A manifest is a few kilobytes; more is not read. */
const bytesAtMost = 65_536;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}

function repeated(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/** First fault of a manifest in words, such as `version: must match pattern`; null where it is sound. */
function faultOf(value: unknown): string | null {
  if (!compiled.Check(value)) {
    const [error] = compiled.Errors(value);
    return `${error?.instancePath.slice(1).replaceAll('/', '.') ?? ''}: ${error?.message ?? 'is no manifest'}`;
  }
  const name = repeated(value.files.map((file) => file.name));
  if (name !== undefined) return `files: ${name} stands there twice`;
  const kind = repeated(value.files.map((file) => file.kind));
  if (kind !== undefined) return `files: two files of kind ${kind}`;
  return null;
}

/**
 * The one spelling of a manifest, which is what is signed: JSON with the keys in code-unit order, two spaces, a line
 * break at the end. Throws ImageManifestError `malformed` where it breaks the schema.
 */
export function manifestBytes(manifest: ImageManifest): Buffer {
  const fault = faultOf(manifest);
  if (fault !== null) throw new ImageManifestError('malformed', `manifest of an image: ${fault}`);
  return Buffer.from(`${JSON.stringify(sorted(manifest), null, 2)}\n`);
}

/**
 * Reads the bytes of `manifestBytes`, in exactly that spelling: two readers can never understand one file differently.
 * Throws ImageManifestError `malformed`. It says nothing of who wrote it: see `verifyManifest`.
 */
export function parseManifest(bytes: Uint8Array): ImageManifest {
  if (bytes.length > bytesAtMost) {
    throw new ImageManifestError('malformed', `manifest of an image: ${bytes.length} bytes, at most ${bytesAtMost}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ImageManifestError('malformed', 'manifest of an image: it is no JSON text', { cause: error });
  }
  const fault = faultOf(value);
  if (fault !== null) throw new ImageManifestError('malformed', `manifest of an image: ${fault}`);
  const manifest = value as ImageManifest;
  if (!manifestBytes(manifest).equals(bytes)) {
    throw new ImageManifestError('malformed', 'manifest of an image: it is not in its one spelling (keys sorted)');
  }
  return manifest;
}

/** The manifest's file of a kind; undefined where it has none. */
export function fileOfKind(manifest: ImageManifest, kind: ImageFileKind): ImageFile | undefined {
  return manifest.files.find((file) => file.kind === kind);
}
