// Leases: which orchestrator works on an appliance, or does a periodic task, now. Kept in the database, so that any
// number of orchestrators agree.
import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A lease that is held. `token` grows with each acquisition: the fencing token that agents compare. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
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

/** Gives a lease back, so that the next holder need not wait. The token stays, since it must grow. */
export async function releaseLease(db: Db, lease: Lease): Promise<void> {
  await sql`update lease set expires = now() - interval '1 second'
    where name = ${lease.name} and holder = ${lease.holder} and token = ${lease.token}`.execute(db);
}
