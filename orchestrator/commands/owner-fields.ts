// The fields of a response that say whose an object is.
import { sql } from 'kysely';
import type { Db } from '../store/database.ts';
import type { ResponseFields } from './declaration.ts';
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

interface NamedOwner {
  readonly id: string;
  readonly name: string;
  /** Of a domain; null for an account. */
  readonly path: string | null;
}

/** Accounts and domains by id, in one query: clients that wait for a job ask for its owner many times a second. */
async function ownersById(db: Db, rows: readonly Owned[]): Promise<ReadonlyMap<string, NamedOwner>> {
  const idsOf = (ids: readonly (string | null)[]) => [...new Set(ids.filter((id) => id !== null))];
  const [accounts, domains] = [idsOf(rows.map((row) => row.account_id)), idsOf(rows.map((row) => row.domain_id))];
  if (accounts.length + domains.length === 0) return new Map();
  const found = await sql<NamedOwner>`
    select id, name, null as path from account where id = any(${accounts}::uuid[])
    union all select id, name, path from domain where id = any(${domains}::uuid[])`.execute(db);
  return new Map(found.rows.map((owner) => [owner.id, owner]));
}

/** Answers with the owner's fields of each row, looked up once for all. */
export async function ownerFields(db: Db, rows: readonly Owned[]) {
  const owners = await ownersById(db, rows);
  return (row: Owned) => {
    const domain = row.domain_id === null ? undefined : owners.get(row.domain_id);
    return {
      account: row.account_id === null ? undefined : owners.get(row.account_id)?.name,
      domainid: domain?.id,
      domain: domain?.name,
      domainpath: domain === undefined || domain.path === null ? undefined : domainPathText(domain.path),
    };
  };
}
