import type { ApplianceManifest, Architecture } from '@isthmus/appliances';
import type { DiskFormat } from './export/formats.ts';

/** What is to be built, and where things lie. All folders are absolute. */
export interface BuildRequest {
  readonly manifest: ApplianceManifest;
  readonly architecture: Architecture;
  /** Formats besides raw and qcow2, which every image has. */
  readonly formats: readonly DiskFormat[];
  readonly version: string;
  readonly checkout: string;
  /** Folder of Debian packages. */
  readonly cache: string;
  /** Folder of images; the image's own is named after its role. */
  readonly images: string;
  /** Folder of the signing key. */
  readonly keys: string;
  /** Public key that opens root by SSH; null: an image without --debug. */
  readonly debugKey: string | null;
  /** Text of the lock of packages; null: the committed one. */
  readonly lockText: string | null;
}
