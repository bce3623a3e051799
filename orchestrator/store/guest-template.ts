import { fileOfKind, type ImageManifest } from '@isthmus/image-manifest';
import type { Trx } from './database.ts';

/** Name of the template of the current guest image. Names that begin with `isthmus-` are kept for built-in templates. */
export const guestTemplateName = 'isthmus-guest';

/**
 * Makes the built-in template of a guest image. Each build has one of its own, since the disks of instances are written
 * over the image they were deployed with; that of an older build goes when nothing was deployed from it, else it is kept
 * under a name with the start of its disk's hash. No work where it stands already, or where no root admin is yet.
 */
export async function ensureGuestTemplate(
  trx: Trx,
  { id, manifest, diskSha256 }: { readonly id: string; readonly manifest: ImageManifest; readonly diskSha256: string },
): Promise<void> {
  const present = await trx
    .selectFrom('template')
    .select(['id', 'image_id', 'name', 'disk_sha256'])
    .where('url', '=', 'image:guest')
    .where('name', 'like', `${guestTemplateName}%`)
    .forUpdate()
    .execute();
  if (present.some((template) => template.image_id === id && template.name === guestTemplateName)) return;
  for (const old of present) {
    const machine = await trx
      .selectFrom('virtual_machine')
      .select('id')
      .where('template_id', '=', old.id)
      .executeTakeFirst();
    if (machine === undefined) await trx.deleteFrom('template').where('id', '=', old.id).execute();
    else {
      const name = `${guestTemplateName}-${old.disk_sha256?.slice(0, 8)}`;
      await trx.updateTable('template').set({ name, is_featured: false }).where('id', '=', old.id).execute();
    }
  }
  const kept = present.find((template) => template.image_id === id);
  const restored =
    kept === undefined
      ? { numUpdatedRows: 0n }
      : await trx
          .updateTable('template')
          .set({ name: guestTemplateName, is_featured: true })
          .where('id', '=', kept.id)
          .executeTakeFirst();
  if (restored.numUpdatedRows > 0n) return;
  const admin = await trx
    .selectFrom('account')
    .select(['id', 'domain_id'])
    .where('type', '=', 1)
    .orderBy('created')
    .executeTakeFirst();
  const osType = await trx
    .selectFrom('os_type')
    .select('id')
    .where('description', '=', 'Other Linux (64-bit)')
    .executeTakeFirst();
  if (admin === undefined || osType === undefined) return;
  await trx
    .insertInto('template')
    .values({
      name: guestTemplateName,
      display_text: `A tiny Linux with a DHCP client and an HTTP server that says who asked, ${manifest.version}`,
      format: 'QCOW2',
      hypervisor: 'KVM',
      os_type_id: osType.id,
      is_public: true,
      is_featured: true,
      url: 'image:guest',
      size: manifest.disk.virtualBytes,
      image_id: id,
      disk_sha256: diskSha256,
      physical_size: fileOfKind(manifest, 'qcow2')?.bytes ?? null,
      account_id: admin.id,
      domain_id: admin.domain_id,
    })
    .execute();
}
