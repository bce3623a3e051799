// Leases: which orchestrator works on an appliance, or does a periodic task, now. Kept in the database, so that any
// number of orchestrators agree.
import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A lease that is held. `token` grows with each acquisition: the fencing token that agents compare. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows where the lease is raised. */
  token: number;
}

/** Takes a lease for `seconds`; null while another holder's has not expired. A holder's own lease is taken anew. */
export async function acquireLease(db: Db, name: string, holder: string, seconds: number): Promise<Lease | null> {
  const { rows } = await sql<{ token: number }>`
    insert into lease (name, holder, token, expires)
    values (${name}, ${holder}, 1, now() + make_interval(secs => ${seconds}))
    on conflict (name) do update
      set holder = excluded.holder, token = lease.token + 1, expires = excluded.expires
      where lease.expires < now() or lease.holder = excluded.holder
    returning token`.execute(db);
  const token = rows[0]?.token;
  return token === undefined ? null : { name, holder, token };
}

/** Prolongs a lease; false where it was lost. */
export async function renewLease(db: Db, lease: Lease, seconds: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update lease set expires = now() + make_interval(secs => ${seconds})
    where name = ${lease.name} and holder = ${lease.holder} and token = ${lease.token}`.execute(db);
  return numAffectedRows === 1n;
}

/**
 * Raises the token of a lease above `token`, which an agent has seen: the database is younger than the agent's memory
 * where a backup was restored. False where the lease was lost: then that token is another holder's.
 */
export async function raiseLease(db: Db, lease: Lease, token: number): Promise<boolean> {
  const { rows } = await sql<{ token: number }>`
    update lease set token = greatest(token, ${token}::integer) + 1
    where name = ${lease.name} and holder = ${lease.holder} and token = ${lease.token} and expires > now()
    returning token`.execute(db);
  const raised = rows[0]?.token;
  if (raised === undefined) return false;
  lease.token = raised;
  return true;
}

/** Gives a lease back, so that the next holder need not wait. The token stays, since it must grow. */
export async function releaseLease(db: Db, lease: Lease): Promise<void> {
  await sql`update lease set expires = now() - interval '1 second'
    where name = ${lease.name} and holder = ${lease.holder} and token = ${lease.token}`.execute(db);
}
