// A real PostgreSQL for one test file. Tests alone import this.
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import { type Db, migrate, openDatabase } from './database.ts';
import { startPostgresCluster } from './postgres-cluster.ts';

/** A migrated, empty database of a cluster made for one test file. */
export interface TestDatabase {
  readonly url: string;
  readonly db: Db;
  stopDatabase(): Promise<void>;
  /** Stops PostgreSQL and starts it again, under every open connection. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a cluster below /tmp; `close` stops and removes it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const directory = await mkdtemp('/tmp/isthmus-test-');
  await mkdir(`${directory}/cluster`, { mode: 0o755 });
  await chmod(directory, 0o755);
  const start = () =>
    startPostgresCluster(createHost({ log: silentLog }), {
      dataDirectory: `${directory}/cluster/data`,
      socketDirectory: `${directory}/cluster/socket`,
      durable: false,
    });
  const cluster = await start();
  const db = openDatabase(cluster.url);
  await migrate(db);
  return {
    url: cluster.url,
    db,
    stopDatabase: () => cluster.stop(),
    restart: async () => {
      await cluster.stop();
      await start();
    },
    close: async () => {
      await db.destroy();
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
