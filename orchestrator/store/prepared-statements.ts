// Statements that PostgreSQL parses and plans once a connection: most of what a query of one row costs is its plan.
import { createHash } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type { Pool, PoolClient } from 'pg';

/** Texts with lists of any length are many; beyond this no further text gets a name. */
const mostNames = 500;
/** A table got a column since the statement was prepared (a migration by a newer orchestrator). */
const featureNotSupported = '0A000';

const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= mostNames) return known;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 24);
  names.set(text, name);
  return name;
}

function isOutdated(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === featureNotSupported;
}

/** A connection that prepares statements with parameters. One with an outdated statement ends when it is given back. */
function preparing(client: PoolClient): PostgresPoolClient {
  let outdated = false;
  const query = async (text: string, values: readonly unknown[]) => {
    const name = values.length === 0 ? undefined : nameOf(text);
    try {
      return await client.query({ text, values: [...values], ...(name !== undefined && { name }) });
    } catch (error) {
      outdated ||= isOutdated(error);
      throw error;
    }
  };
  const release = (destroy?: boolean) => client.release(destroy === true || outdated);
  // Kysely also declares a form of query for cursors, which this project does not use.
  return { query, release } as unknown as PostgresPoolClient;
}

/** A pool whose connections prepare every statement with parameters. Where one is outdated its query fails, and the next call gets a new connection. */
export function preparingPool(pool: Pool): PostgresPool {
  const wrapped = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect();
      const known = wrapped.get(client) ?? preparing(client);
      wrapped.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}
