// Who may reach what: the one place where ownership is decided, for single entities and for lists.
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { Trx } from '../store/database.ts';
import type { Database } from '../store/schema.ts';
import type { Caller } from './declaration.ts';
import { type EntityName, entities, type Ownership } from './entities.ts';

/** A row of any entity, as the database gave it. */
export type AnyRow = Readonly<Record<string, unknown>>;

function text(row: AnyRow, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' ? value : null;
}

/** True where the domain is the caller's own or below it. */
export async function domainWithinReach(db: Trx, caller: Caller, domainId: string | null): Promise<boolean> {
  if (caller.role === 'Admin') return true;
  if (domainId === null) return false;
  if (domainId === caller.domainId) return true;
  if (caller.role === 'User') return false;
  const domain = await db.selectFrom('domain').select('path').where('id', '=', domainId).executeTakeFirst();
  return domain?.path.startsWith(caller.domainPath) ?? false;
}

/** A domain admin of ROOT is not a root admin, and must not become one by a root admin's users. */
async function isRootAdmins(db: Trx, accountId: string): Promise<boolean> {
  const account = await db.selectFrom('account').select('type').where('id', '=', accountId).executeTakeFirst();
  return account?.type === 1;
}

async function ownedWithinReach(db: Trx, caller: Caller, accountId: string | null, domainId: string | null) {
  if (caller.role === 'Admin' || (accountId !== null && accountId === caller.accountId)) return true;
  if (caller.role !== 'DomainAdmin' || accountId === null) return false;
  return (await domainWithinReach(db, caller, domainId)) && !(await isRootAdmins(db, accountId));
}

function selfWithinReach(db: Trx, caller: Caller, entity: EntityName, row: AnyRow): Promise<boolean> {
  if (entity === 'domain') return domainWithinReach(db, caller, text(row, 'id'));
  const accountId = text(row, entity === 'account' ? 'id' : 'account_id');
  return ownedWithinReach(db, caller, accountId, text(row, 'domain_id'));
}

async function parentWithinReach(db: Trx, caller: Caller, ownership: Ownership & { kind: 'parent' }, row: AnyRow) {
  const parentId = text(row, ownership.parentColumn);
  if (parentId === null) return caller.role === 'Admin';
  const parents = await loadRows(db, ownership.parent, [parentId]);
  const parent = parents.get(parentId);
  return parent !== undefined && withinReach(db, caller, ownership.parent, parent);
}

/** True where the caller may name this row in a command. */
export async function withinReach(db: Trx, caller: Caller, entity: EntityName, row: AnyRow): Promise<boolean> {
  const ownership: Ownership = entities[entity].ownership;
  switch (ownership.kind) {
    case 'public':
      return true;
    case 'admin':
      return caller.role === 'Admin';
    case 'self':
      return selfWithinReach(db, caller, entity, row);
    case 'account':
      return ownedWithinReach(db, caller, text(row, 'account_id'), text(row, 'domain_id'));
    case 'parent':
      return parentWithinReach(db, caller, ownership, row);
  }
}

/** The rows that have these ids, by id. */
export async function loadRows(db: Trx, entity: EntityName, ids: readonly string[]): Promise<Map<string, AnyRow>> {
  const { rows } = await sql<AnyRow>`select * from ${sql.table(entity)} where id = any(${ids}::uuid[])`.execute(db);
  return new Map(rows.map((row) => [String(row.id), row]));
}

/** Which of these entities has the id, within the caller's reach; null: none has, or it is another's. */
export async function findWithinReach<Name extends EntityName>(
  db: Trx,
  caller: Caller,
  names: readonly Name[],
  id: string,
): Promise<Name | null> {
  for (const name of names) {
    const row = (await loadRows(db, name, [id])).get(id);
    if (row !== undefined) return (await withinReach(db, caller, name, row)) ? name : null;
  }
  return null;
}

/** What of a list the caller asked for, already checked to be within reach. */
export interface Scope {
  /** Only this account's. */
  readonly accountId?: string;
  /** Only this domain's; with `recursive` those below it too. */
  readonly domain?: { readonly id: string; readonly path: string; readonly recursive: boolean };
}

function domainCondition(column: Expression<unknown>, domain: NonNullable<Scope['domain']>): Expression<SqlBool> {
  if (!domain.recursive) return sql<SqlBool>`${column} = ${domain.id}`;
  return sql<SqlBool>`${column} in (select id from domain where starts_with(path, ${domain.path}))`;
}

/** The condition by which a list holds only what its scope admits. Null: no restriction. */
export function scopeCondition(
  builder: ExpressionBuilder<Database, EntityName>,
  entity: EntityName,
  scope: Scope,
): Expression<SqlBool> | null {
  const ownership: Ownership = entities[entity].ownership;
  if (ownership.kind === 'public' || ownership.kind === 'admin') return null;
  if (ownership.kind === 'parent') {
    const parent = scopeCondition(builder, ownership.parent, scope);
    if (parent === null) return null;
    const column = sql.ref(`${entity}.${ownership.parentColumn}`);
    return sql<SqlBool>`exists (select 1 from ${sql.table(ownership.parent)} where ${sql.ref(`${ownership.parent}.id`)} = ${column} and ${parent})`;
  }
  const accountColumn = sql.ref(entity === 'account' ? 'account.id' : `${entity}.account_id`);
  const domainColumn = sql.ref(entity === 'domain' ? 'domain.id' : `${entity}.domain_id`);
  const conditions: Expression<SqlBool>[] = [];
  if (scope.accountId !== undefined && entity !== 'domain') {
    conditions.push(sql<SqlBool>`${accountColumn} = ${scope.accountId}`);
  }
  if (scope.domain !== undefined) conditions.push(domainCondition(domainColumn, scope.domain));
  return conditions.length === 0 ? null : builder.and(conditions);
}
