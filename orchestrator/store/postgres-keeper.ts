// Nobody but the orchestrator starts its private cluster: where the server dies under it, it is started again.
import { createConnection } from 'node:net';
import type { Host } from '@isthmus/host';
import { type ClusterOptions, type PostgresCluster, startPostgresCluster } from './postgres-cluster.ts';

/** Pause between two looks, in ms. */
const lookEveryMs = 1_000;

/** True where a process listens on the cluster's socket. */
function listens({ socketDirectory }: ClusterOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(`${socketDirectory}/.s.PGSQL.5432`);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}

/** As startPostgresCluster; until `stop` a server that dies is started again. */
export async function keepPostgresCluster(host: Host, options: ClusterOptions): Promise<PostgresCluster> {
  const cluster = await startPostgresCluster(host, options);
  const end = new AbortController();
  const keep = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await host.clock.sleep(lookEveryMs, end.signal).catch(() => undefined);
      if (end.signal.aborted || (await listens(options))) continue;
      host.log.warn('PostgreSQL is gone; starting it again', { dataDirectory: options.dataDirectory });
      await startPostgresCluster(host, options).catch((error: unknown) => {
        host.log.error('PostgreSQL does not start; trying again', { error });
      });
    }
  };
  const keeping = keep();
  return {
    url: cluster.url,
    stop: async () => {
      end.abort(new Error('the cluster is stopped'));
      await keeping;
      await cluster.stop();
    },
  };
}
