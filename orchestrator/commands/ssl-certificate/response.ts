import { sql } from 'kysely';
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

/** The private key is no field: it is never told. */
export const certificateResponseFields: ResponseFields = {
  id: field.string('The id of the certificate'),
  name: field.string('Its name'),
  certificate: field.string('The certificate in PEM'),
  certchain: field.string('The chain of its authorities in PEM'),
  fingerprint: field.string('SHA-256 of the certificate'),
  ...ownerResponseFields,
  loadbalancerrulelist: field.list('The ids of the load balancer rules that it is assigned to'),
};

type Row = EntityRow<'ssl_certificate'>;

/** Certificates as the API shows them. */
export async function presentCertificates(db: Db, rows: readonly Row[]): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const used = await sql<{ certificate: string; rule: string }>`
    select certificate.id as certificate, load_balancer_rule.id as rule
    from unnest(${rows.map(({ id }) => id)}::uuid[]) as certificate (id)
    join load_balancer_rule on load_balancer_rule.certificate_ids @> array[certificate.id]
    where load_balancer_rule.state <> 'Revoke' order by load_balancer_rule.created`.execute(db);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    certificate: row.certificate,
    certchain: row.chain === '' ? undefined : row.chain,
    fingerprint: row.fingerprint,
    ...owner(row),
    loadbalancerrulelist: used.rows.filter(({ certificate }) => certificate === row.id).map(({ rule }) => rule),
  }));
}
