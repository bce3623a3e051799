// A process's sign of life in the database: an advisory lock that PostgreSQL frees the moment its connection ends, also
// by kill -9. The same connection hears notices.
import { randomInt } from 'node:crypto';
import pg from 'pg';
import type { Log } from './log.ts';

export interface PresenceOptions {
  readonly url: string;
  /** Channel of notices. */
  readonly channel: string;
  readonly log: Log;
  readonly onNotice: () => void;
}

/** The process as others see it. */
export interface Presence {
  /** First key of the advisory lock. */
  readonly lockClass: number;
  /** Second key: the process's own number. */
  readonly worker: number;
  /** Works with the connection, one at a time; opened anew where it was lost. */
  use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result>;
  transaction<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

const lockClass = 0x1574;

async function connect(options: PresenceOptions, worker: number, onEnd: () => void): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: options.url,
    keepAlive: true,
    application_name: 'isthmus-presence',
  });
  client.on('error', (error) => options.log.warn('the connection to the database is lost', { error }));
  client.on('end', onEnd);
  client.on('notification', options.onNotice);
  await client.connect();
  await client.query('select pg_advisory_lock($1, $2)', [lockClass, worker]);
  await client.query(`listen ${options.channel}`);
  return client;
}

/** The presence of this process; connects at first use. */
export function openPresence(options: PresenceOptions): Presence {
  const worker = randomInt(1, 2 ** 31 - 1);
  let connection: Promise<pg.Client> | null = null;
  let last: Promise<unknown> = Promise.resolve();

  function connected(): Promise<pg.Client> {
    const forget = () => {
      connection = null;
    };
    connection ??= connect(options, worker, forget);
    connection.catch(forget);
    return connection;
  }

  function use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const turn = last.then(async () => work(await connected()));
    last = turn.catch(() => {});
    return turn;
  }

  return {
    lockClass,
    worker,
    use,
    transaction: (work) =>
      use(async (client) => {
        await client.query('begin');
        try {
          const result = await work(client);
          await client.query('commit');
          return result;
        } catch (error) {
          await client.query('rollback').catch(() => {});
          throw error;
        }
      }),
    close: async () => {
      await last;
      await (await connection)?.end();
    },
  };
}
