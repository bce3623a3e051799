// The fields of a response that say whose an object is.
import type { Db } from '../store/database.ts';
import type { ResponseFields } from './declaration.ts';
import { rowsById } from './lookup.ts';
import { field } from './response-field.ts';

/** Declared once for every response of an owned object. */
export const ownerResponseFields: ResponseFields = {
  account: field.string('The account that owns it'),
  domainid: field.string('The id of the domain that owns it'),
  domain: field.string('The name of the domain that owns it'),
  domainpath: field.string('The path of the domain that owns it, such as ROOT/sales'),
};

interface Owned {
  readonly account_id: string | null;
  readonly domain_id: string | null;
}

/** A domain's path as responses spell it: `ROOT`, `ROOT/sales`. */
export function domainPathText(path: string): string {
  return `ROOT${path}`.replace(/\/$/, '');
}

/** Answers with the owner's fields of each row, looked up once for all. */
export async function ownerFields(db: Db, rows: readonly Owned[]) {
  const accounts = await rowsById(
    db,
    'account',
    rows.map((row) => row.account_id),
  );
  const domains = await rowsById(
    db,
    'domain',
    rows.map((row) => row.domain_id),
  );
  return (row: Owned) => {
    const domain = row.domain_id === null ? undefined : domains.get(row.domain_id);
    return {
      account: row.account_id === null ? undefined : accounts.get(row.account_id)?.name,
      domainid: domain?.id,
      domain: domain?.name,
      domainpath: domain && domainPathText(domain.path),
    };
  };
}
