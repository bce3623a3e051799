// Statements that PostgreSQL parses and plans once a connection: most of what a query of one row costs is its plan.
import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';

/** Texts with lists of any length are many; beyond this no further text gets a name. */
const mostNames = 500;
/** A table got a column since the statement was prepared (a migration by a newer orchestrator). */
const featureNotSupported = '0A000';

const names = new Map<string, string>();

function nameOf(text: string): string | null {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= mostNames) return null;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 24);
  names.set(text, name);
  return name;
}

function isOutdated(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === featureNotSupported;
}

/**
 * Makes a pool's connection prepare every statement that has parameters. Where one is outdated its query fails and the
 * connection ends, so that the next call gets a new one.
 */
export function prepareStatements(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const prepared = async (name: string, text: string, values: readonly unknown[]) => {
    try {
      return await query({ name, text, values });
    } catch (error) {
      // The pool takes a connection that is ending out of use when it is given back.
      if (isOutdated(error)) Object.assign(client, { _ending: true });
      throw error;
    }
  };
  const wrapped = (...args: unknown[]): unknown => {
    const [text, values, callback] = args;
    const isPlain = typeof text === 'string' && Array.isArray(values) && values.length > 0 && callback === undefined;
    const name = isPlain ? nameOf(text) : null;
    return isPlain && name !== null ? prepared(name, text, values) : query(...args);
  };
  Object.assign(client, { query: wrapped });
}
