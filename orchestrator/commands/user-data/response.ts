import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

export const userDataResponseFields: ResponseFields = {
  id: field.string('The id of the user data'),
  name: field.string('Its name'),
  accountid: field.string('The id of the account that owns it'),
  ...ownerResponseFields,
  userdata: field.string('The user data in Base64'),
  params: field.string('Names of the variables in it, comma-separated'),
  hasannotations: field.boolean('Always false'),
};

/** User data as the API shows it. */
export async function presentUserData(
  db: Db | Trx,
  rows: readonly EntityRow<'user_data'>[],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    accountid: row.account_id,
    ...owner(row),
    userdata: row.data,
    params: row.params === '' ? undefined : row.params,
    hasannotations: false,
  }));
}
