import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

export const sshKeyPairResponseFields: ResponseFields = {
  id: field.string('The id of the key pair'),
  name: field.string('Its name'),
  ...ownerResponseFields,
  fingerprint: field.string('MD5 fingerprint of the public key'),
  hasannotations: field.boolean('Always false'),
};

/** Key pairs as the API shows them. */
export async function presentSshKeyPairs(
  db: Db | Trx,
  rows: readonly EntityRow<'ssh_key_pair'>[],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    ...owner(row),
    fingerprint: row.fingerprint,
    hasannotations: false,
  }));
}
