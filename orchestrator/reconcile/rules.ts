// The end of a rule's change: in force and settled, or refused and put back.
import { type CollectionName, collectionNames } from '@isthmus/contract';
import { type Kysely, sql } from 'kysely';
import type { RuleTable } from '../model/orchestration.ts';
import type { Db, Trx } from '../store/database.ts';
import { touch, touchGuestOfStaticNat } from '../store/network-change.ts';
import type { Database } from '../store/schema.ts';
import { type RuleKind, type RuleRow, ruleKinds } from './rule-kinds.ts';

// A row changed again since the document was compiled has a note waiting, and is not settled by this generation.
const notChangedSince = (table: RuleTable) => sql<boolean>`not exists (select 1 from network_change
  where network_change.network_id = ${sql.ref(`${table}.network_id`)}
    and network_change.entry_id = ${sql.ref(`${table}.id`)}::text)`;

/** Every table of rules has the columns id, network_id, state and previous: to kysely they are one. */
function ofOneShape(db: Db | Trx): Kysely<Pick<Database, 'firewall_rule'>> {
  return db as unknown as Kysely<Pick<Database, 'firewall_rule'>>;
}

/** Settles every rule of a network whose change is in the document that is acknowledged now. */
export async function settleRules(db: Db, networkId: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const rules = ofOneShape(trx);
    for (const { table } of ruleKinds) {
      const name = table as 'firewall_rule';
      await rules
        .deleteFrom(name)
        .where('network_id', '=', networkId)
        .where('state', '=', 'Revoke')
        .where(notChangedSince(table))
        .execute();
      await rules
        .updateTable(name)
        .set({ state: 'Active', previous: null })
        .where('network_id', '=', networkId)
        .where('state', '=', 'Add')
        .where(notChangedSince(table))
        .execute();
    }
    await trx
      .updateTable('public_ip_address')
      .set({ static_nat_nic_id: null, static_nat_state: null })
      .where('network_id', '=', networkId)
      .where('static_nat_state', '=', 'Revoke')
      .where(notChangedSince('public_ip_address'))
      .execute();
    await trx
      .updateTable('public_ip_address')
      .set({ static_nat_state: 'Active' })
      .where('network_id', '=', networkId)
      .where('static_nat_state', '=', 'Add')
      .where(notChangedSince('public_ip_address'))
      .execute();
  });
}

/** Ids of a network's rules whose change is not settled. */
export async function unsettledRules(db: Db | Trx, networkId: string): Promise<string[]> {
  const tables = ruleKinds.map(
    ({ table }) => sql`select id from ${sql.table(table)} where network_id = ${networkId} and state <> 'Active'`,
  );
  const staticNats = sql`select id from public_ip_address
    where network_id = ${networkId} and static_nat_state in ('Add', 'Revoke')`;
  const { rows } = await sql<{ id: string }>`${sql.join([...tables, staticNats], sql` union all `)}`.execute(db);
  return rows.map(({ id }) => id);
}

/** The id of the entry that a path of the document lies in, such as `nat.portForwards.ID.publicPorts`; null for settings. */
export function entryOfPath(path: string): { collection: CollectionName; id: string } | null {
  const collection = collectionNames.find((name) => path.startsWith(`${name}.`));
  if (collection === undefined) return null;
  const id = path.slice(collection.length + 1).split('.')[0];
  return id === undefined ? null : { collection, id };
}

/**
 * Puts refused rules back to what is in force: a new one vanishes, a changed one returns to `previous`, a revoked one is
 * Active again. Answers with the ids of those that were unsettled rules; their entries are noted for compilation.
 */
export async function putBackRules(db: Db, networkId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  return db.transaction().execute(async (trx) => {
    const back: string[] = [];
    for (const kind of ruleKinds) {
      const rows = await ofOneShape(trx)
        .selectFrom(kind.table as 'firewall_rule')
        .selectAll()
        .where('id', 'in', [...ids])
        .where('state', '<>', 'Active')
        .forUpdate()
        .execute();
      for (const row of rows) {
        await putBack(trx, kind, row);
        await touch(trx, networkId, kind.collection(row as unknown as RuleRow), row.id);
        for (const dependent of kind.dependents ?? []) await touch(trx, networkId, dependent, '*');
        back.push(row.id);
      }
    }
    for (const id of ids) await touchGuestOfStaticNat(trx, id);
    const staticNats = await trx
      .updateTable('public_ip_address')
      .set({
        static_nat_nic_id: sql`case when static_nat_state = 'Add' then null else static_nat_nic_id end`,
        static_nat_state: sql`case when static_nat_state = 'Add' then null else 'Active' end`,
      })
      .where('id', 'in', [...ids])
      .where('static_nat_state', 'in', ['Add', 'Revoke'])
      .returning('id')
      .execute();
    for (const { id } of staticNats) {
      await touch(trx, networkId, 'nat.staticNats', id);
      back.push(id);
    }
    return back;
  });
}

async function putBack(
  trx: Trx,
  { table, columns }: RuleKind,
  row: { readonly id: string; readonly state: string; readonly previous: unknown },
): Promise<void> {
  const rules = ofOneShape(trx);
  const name = table as 'firewall_rule';
  if (row.state === 'Add' && row.previous === null) {
    await rules.deleteFrom(name).where('id', '=', row.id).execute();
    return;
  }
  const previous = (row.previous ?? {}) as Record<string, unknown>;
  const restored = Object.fromEntries(
    columns.filter((column) => column in previous).map((column) => [column, previous[column]]),
  );
  await rules
    .updateTable(name)
    .set({ ...restored, state: 'Active', previous: null })
    .where('id', '=', row.id)
    .execute();
}
