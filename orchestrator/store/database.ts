import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';
import * as first from './migrations/0001-first.ts';
import * as virtualMachines from './migrations/0002-virtual-machines.ts';
import * as rootDisks from './migrations/0003-root-disks.ts';
import * as loadBalancing from './migrations/0004-load-balancing.ts';
import * as metadata from './migrations/0005-metadata.ts';
import * as dhcp from './migrations/0006-dhcp.ts';
import * as ipv6AndRouted from './migrations/0007-ipv6-and-routed.ts';
import * as replacement from './migrations/0008-replacement.ts';
import * as health from './migrations/0009-health.ts';
import * as usage from './migrations/0010-usage.ts';
import * as tags from './migrations/0011-tags.ts';
import * as nics from './migrations/0012-nics.ts';
import * as leavingNics from './migrations/0013-leaving-nics.ts';
import * as consoles from './migrations/0014-consoles.ts';
import { preparingPool } from './prepared-statements.ts';
import type { Database } from './schema.ts';

export type Db = Kysely<Database>;
export type Trx = Transaction<Database>;

const migrations: Record<string, Migration> = {
  '0001-first': first,
  '0002-virtual-machines': virtualMachines,
  '0003-root-disks': rootDisks,
  '0004-load-balancing': loadBalancing,
  '0005-metadata': metadata,
  '0006-dhcp': dhcp,
  '0007-ipv6-and-routed': ipv6AndRouted,
  '0008-replacement': replacement,
  '0009-health': health,
  '0010-usage': usage,
  '0011-tags': tags,
  '0012-nics': nics,
  '0013-leaving-nics': leavingNics,
  '0014-consoles': consoles,
};

/** Opens a pool of connections. `url` is a PostgreSQL URL; a Unix socket is `postgresql:///isthmus?host=/run/…`. */
export function openDatabase(url: string, maxConnections = 20): Db {
  const pool = new pg.Pool({ connectionString: url, max: maxConnections });
  // A connection that PostgreSQL closed, as it restarted: its query fails by itself, and the pool opens another. Unheard,
  // the event would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: preparingPool(pool) }) });
}

/** Brings the database to this release, forward only, under kysely's migration lock. Throws what a migration threw. */
export async function migrate(db: Db): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest();
  if (error !== undefined) throw error;
}

/** The next value of a sequence that never gives a number twice. */
export async function nextNumber(db: Db | Trx, sequence: 'appliance_number' | 'mac_number'): Promise<number> {
  const { rows } = await sql<{ value: string }>`select nextval(${sequence}::regclass) as value`.execute(db);
  return Number(rows[0]?.value);
}
