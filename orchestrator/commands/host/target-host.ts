import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';

/** The host that something moves to: an id and no entity, since a job's execution gets it as it was given. */
export const targetHostParameter = p.uuid.optional('The host to move it to; without it an allocator chooses one', {
  roles: ['Admin'],
});

/** Checks that a host can be a target in a zone. Throws 431. */
export async function checkTargetHost(db: Trx, hostId: string | undefined, zoneId: string): Promise<void> {
  if (hostId === undefined) return;
  const host: EntityRow<'host'> | undefined = await db
    .selectFrom('host')
    .selectAll()
    .where('id', '=', hostId)
    .executeTakeFirst();
  if (host === undefined || host.zone_id !== zoneId) throw parameterError('hostid', hostId, 'a host of its zone');
  if (host.state !== 'Up' || host.resource_state !== 'Enabled') {
    const standing = `${host.state} and ${host.resource_state}`;
    throw parameterError('hostid', hostId, `a host that is Up and Enabled; ${host.name} is ${standing}`);
  }
}
