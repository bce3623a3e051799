// The image that a new router's VM would be made from, and the agent in it.
import { fileOfKind, type ImageManifest } from '@isthmus/image-manifest';
import type { Db, Trx } from './database.ts';

/** `bundleSha256`: of the agent in it; null where it was built before agents were beside images. */
export interface RouterImage {
  readonly id: string;
  readonly version: string;
  readonly bundleSha256: string | null;
}

/** The newest registered image of routers; null where there is none. */
export async function newestRouterImage(db: Db | Trx): Promise<RouterImage | null> {
  const row = await db
    .selectFrom('image')
    .select(['id', 'version', 'manifest'])
    .where('role', '=', 'router')
    .orderBy('created', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return null;
  const bundle = fileOfKind(row.manifest as ImageManifest, 'bundle');
  return { id: row.id, version: row.version, bundleSha256: bundle?.sha256 ?? null };
}
