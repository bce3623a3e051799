// What a call has changed: a digest of each table, taken before and after.
import type { Db } from '@isthmus/orchestrator/store/database';
import { sql } from 'kysely';

// What calls that are refused may add to: jobs and events tell of calls, sessions of logins.
const journals = ['async_job', 'event', 'session'];

/** A digest of every table of the store by name, without those that only tell of calls. */
export type Digest = Readonly<Record<string, string>>;

/** Takes digests of one database. */
export async function digestOf(db: Db): Promise<() => Promise<Digest>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name`.execute(db);
  const counted = tables.filter(({ name }) => !journals.includes(name));
  const each = counted.map(
    ({ name }) => sql`(select coalesce(md5(string_agg(row.text, ',' order by row.text)), '')
      from (select t::text as text from ${sql.table(name)} t) row) as ${sql.ref(name)}`,
  );
  return async () => {
    const { rows } = await sql<Digest>`select ${sql.join(each)}`.execute(db);
    return rows[0] ?? {};
  };
}
