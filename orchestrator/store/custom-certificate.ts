// The certificate that console proxies show to browsers, as it is kept.
import type { Insertable, Selectable } from 'kysely';
import type { Db, Trx } from './database.ts';
import type { CustomCertificateTable } from './tables/console.ts';

export type CustomCertificateRow = Selectable<CustomCertificateTable>;

/** Place of the certificate itself; those of its authorities have other numbers. */
export const ownSequence = 0;

/** Puts a certificate into its place, instead of the one that was there. */
export async function putCustomCertificate(
  db: Db | Trx,
  sequence: number,
  row: Omit<Insertable<CustomCertificateTable>, 'sequence' | 'created'>,
): Promise<void> {
  await db
    .insertInto('custom_certificate')
    .values({ sequence, ...row })
    .onConflict((conflict) => conflict.column('sequence').doUpdateSet({ ...row, created: new Date() }))
    .execute();
}

/** Every certificate that was uploaded, by its place. */
export function customCertificates(db: Db | Trx): Promise<CustomCertificateRow[]> {
  return db.selectFrom('custom_certificate').selectAll().orderBy('sequence').execute();
}
