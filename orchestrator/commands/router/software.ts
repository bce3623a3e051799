// What runs in a router, and whether there is something newer.
import type { RouterImage } from '../../store/router-image.ts';
import type { EntityRow } from '../entities.ts';

/**
 * The API's fields. In a namespace the agent is the host agent's. A VM whose agent is that of the newest image requires
 * no upgrade, whether the agent came with its image or by patchSystemVm.
 */
export function softwareFields(
  row: EntityRow<'router'>,
  host: EntityRow<'host'> | undefined,
  newest: RouterImage | null,
): { version: string | undefined; softwareversion: string | undefined; requiresupgrade: boolean } {
  const version = row.version ?? host?.version ?? undefined;
  const isVirtualMachine = row.image_id !== null && host?.driver !== 'namespace';
  return {
    version,
    softwareversion: (isVirtualMachine ? row.software_version : host?.version) ?? version,
    requiresupgrade: isVirtualMachine && newest !== null && !hasNewest(row, newest),
  };
}

function hasNewest({ image_id: imageId, software_sha256: sha256 }: EntityRow<'router'>, newest: RouterImage): boolean {
  if (sha256 === null || newest.bundleSha256 === null) return imageId === newest.id;
  return sha256 === newest.bundleSha256;
}
