// The CA's rows and those of the certificates that it issued. What is in them is made in pki.
import type { CertificateRole } from '@isthmus/contract';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Db, Trx } from './database.ts';
import type { CertificateAuthorityTable, CertificateTable } from './schema.ts';

export type AuthorityRow = Selectable<CertificateAuthorityTable>;
export type CertificateRow = Selectable<CertificateTable>;

/** Key of the advisory lock that makes one CA out of many orchestrators that start at once. */
const authorityLock = 0x15_74_ca;

/** One at a time, until the transaction ends. */
export async function lockAuthorities(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${authorityLock})`.execute(trx);
}

/** The id of the installation that certificates name: the first orchestrator's of this database. */
export async function sharedInstallation(trx: Trx, own: string): Promise<string> {
  const name = 'control.installation';
  await trx
    .insertInto('configuration')
    .values({ name, value: own })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { value } = await trx
    .selectFrom('configuration')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return value ?? own;
}

/** Every CA that is trusted, the oldest first. */
export async function authorityRows(db: Db | Trx): Promise<AuthorityRow[]> {
  return db.selectFrom('certificate_authority').selectAll().orderBy('created').orderBy('id').execute();
}

/** Adds a CA that issues from now on; the one before stays trusted. */
export async function insertAuthority(
  trx: Trx,
  authority: { certificate: string; sealedPrivateKey: string },
): Promise<void> {
  await trx.updateTable('certificate_authority').set({ is_current: false }).where('is_current', '=', true).execute();
  await trx
    .insertInto('certificate_authority')
    .values({
      certificate: authority.certificate,
      sealed_private_key: authority.sealedPrivateKey,
      is_current: true,
      // Of the statement: two in one transaction have an order.
      created: sql<Date>`clock_timestamp()`,
    })
    .execute();
}

export async function insertCertificate(db: Db | Trx, row: Insertable<CertificateTable>): Promise<void> {
  await db.insertInto('certificate').values(row).execute();
}

/** Certificates that have neither expired nor been revoked, the newest first. */
export async function goodCertificates(db: Db | Trx, role?: CertificateRole): Promise<CertificateRow[]> {
  return db
    .selectFrom('certificate')
    .selectAll()
    .where('revoked', 'is', null)
    .where('not_after', '>', sql<Date>`now()`)
    .$if(role !== undefined, (query) => query.where('role', '=', role ?? 'host'))
    .orderBy('created', 'desc')
    .execute();
}

/** The newest certificate of one holder that has neither expired nor been revoked. */
export async function goodCertificateOf(
  db: Db | Trx,
  role: CertificateRole,
  subjectId: string,
): Promise<CertificateRow | undefined> {
  return db
    .selectFrom('certificate')
    .selectAll()
    .where('role', '=', role)
    .where('subject_id', '=', subjectId)
    .where('revoked', 'is', null)
    .where('not_after', '>', sql<Date>`now()`)
    .orderBy('created', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The certificate with a serial number, good or not; undefined where it was never issued, or long ago. */
export async function certificateRow(db: Db | Trx, serialNumber: string): Promise<CertificateRow | undefined> {
  return db.selectFrom('certificate').selectAll().where('serial_number', '=', serialNumber).executeTakeFirst();
}

/** Revokes every certificate of a holder, besides one, also expired ones, so that nobody renews them; true where any was. */
export async function revokeCertificates(
  db: Db | Trx,
  role: CertificateRole,
  subjectId: string,
  besides?: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('certificate')
    .set({ revoked: sql<Date>`now()` })
    .where('role', '=', role)
    .where('subject_id', '=', subjectId)
    .where('revoked', 'is', null)
    .$if(besides !== undefined, (query) => query.where('serial_number', '<>', besides ?? ''))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Serial numbers that are refused though they have not expired, in order. */
export async function revokedSerialNumbers(db: Db | Trx): Promise<string[]> {
  const rows = await db
    .selectFrom('certificate')
    .select('serial_number')
    .where('revoked', 'is not', null)
    // An expired one stays listed for a while, for peers whose clock is behind.
    .where('not_after', '>', sql<Date>`now() - interval '10 minutes'`)
    .orderBy('serial_number')
    .execute();
  return rows.map((row) => row.serial_number);
}

/** Forgets certificates that expired so long ago that nobody may renew them any more: 60 days. */
export async function forgetExpiredCertificates(db: Db | Trx): Promise<void> {
  await db.deleteFrom('certificate').where('not_after', '<', sql<Date>`now() - interval '60 days'`).execute();
}

export async function deleteAuthority(db: Db | Trx, id: string): Promise<void> {
  await db.deleteFrom('certificate_authority').where('id', '=', id).where('is_current', '=', false).execute();
}
