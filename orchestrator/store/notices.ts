// Notices of PostgreSQL: a connection that hears one channel, opened again where it is lost. What was told meanwhile is
// not told again: whoever listens makes up for it.
import pg from 'pg';
import type { Log } from './log.ts';

export interface NoticeOptions {
  /** The database's URL. */
  readonly url: string;
  /** Name of the channel: letters and underscores. */
  readonly channel: string;
  readonly log: Log;
  readonly onNotice: (payload: string) => void;
  /** From now on notices are heard, again after a loss as well: what was told before may have been missed. */
  readonly onHearing?: () => void;
}

/** Between two attempts to connect. */
const retryMs = 500;

/** Hears until closed. */
export function hearNotices({ url, channel, log, onNotice, onHearing }: NoticeOptions): { close(): Promise<void> } {
  let client: pg.Client | null = null;
  let isClosed = false;
  let timer: NodeJS.Timeout | null = null;

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'isthmus-notices' });
    next.on('error', (error) => log.warn('the connection for notices is lost', { channel, error: String(error) }));
    next.on('notification', ({ payload }) => onNotice(payload ?? ''));
    next.on('end', () => {
      if (client !== next) return;
      client = null;
      again();
    });
    client = next;
    try {
      await next.connect();
      await next.query(`listen ${channel}`);
    } catch (error) {
      // It may be connected all the same.
      void next.end();
      throw error;
    }
    onHearing?.();
  }

  function again(): void {
    if (isClosed || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      attempt();
    }, retryMs);
  }

  function attempt(): void {
    connecting = connect().catch((error: unknown) => {
      log.warn('notices are not heard', { channel, error: String(error) });
      client = null;
      again();
    });
  }

  let connecting: Promise<void> = Promise.resolve();
  attempt();
  return {
    close: async () => {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      await connecting;
      await client?.end();
    },
  };
}
