// The certificate that console proxies show to browsers, as it is kept.
import type { Selectable } from 'kysely';
import type { Db, Trx } from './database.ts';
import type { CustomCertificateTable } from './tables/console.ts';

export type CustomCertificateRow = Selectable<CustomCertificateTable>;

/** Place of the certificate itself; those of its authorities have other numbers. */
export const ownSequence = 0;

/** Every certificate that was uploaded, by its place. */
export function customCertificates(db: Db | Trx): Promise<CustomCertificateRow[]> {
  return db.selectFrom('custom_certificate').selectAll().orderBy('sequence').execute();
}
