import test from 'ava';
import { sql } from 'kysely';
import { openDatabase } from './database.ts';
import { openTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
test.before(async () => {
  database = await openTestDatabase();
});
test.after.always(() => database?.close());

const prepared = sql<{ statement: string }>`select statement from pg_prepared_statements
  where statement like '%doubled%' or statement like '%pg_prepared_statements%'`;

test('a statement with parameters is prepared once a connection, and one without is not', async (t) => {
  await database.db.connection().execute(async (db) => {
    for (const number of [1, 2, 3]) {
      const { rows } = await sql<{ doubled: number }>`select ${number}::int * 2 as doubled`.execute(db);
      t.deepEqual(rows, [{ doubled: number * 2 }]);
    }
    const { rows } = await prepared.execute(db);
    t.deepEqual(
      rows.map(({ statement }) => statement),
      ['select $1::int * 2 as doubled'],
    );
  });
});

test('a statement whose table changed since fails once, and its connection is not used again', async (t) => {
  await sql`create table outdated (id int)`.execute(database.db);
  const pool = openDatabase(database.url, 1);
  const read = async () => (await sql`select * from outdated where id > ${0}`.execute(pool)).rows;
  try {
    await sql`insert into outdated values (1)`.execute(database.db);
    t.deepEqual(await read(), [{ id: 1 }]);
    await sql`alter table outdated add column name text`.execute(database.db);
    await t.throwsAsync(read(), { message: /cached plan must not change result type/ });
    t.deepEqual(await read(), [{ id: 1, name: null }]);
  } finally {
    await pool.destroy();
  }
});

test('a query that fails for another reason leaves its connection in use', async (t) => {
  const pool = openDatabase(database.url, 1);
  const backend = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(pool)).rows;
  try {
    const before = await backend();
    await t.throwsAsync(sql`select 1 / ${0}::int`.execute(pool), { message: /division by zero/ });
    t.deepEqual(await backend(), before);
  } finally {
    await pool.destroy();
  }
});
