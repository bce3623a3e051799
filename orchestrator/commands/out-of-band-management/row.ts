import type { Selectable } from 'kysely';
import type { Db, Trx } from '../../store/database.ts';
import type { OutOfBandManagementTable } from '../../store/schema.ts';
import { parameterError } from '../errors.ts';

/** The out-of-band management of a host. Throws 431 where none is configured. */
export async function outOfBandRow(db: Db | Trx, hostId: string): Promise<Selectable<OutOfBandManagementTable>> {
  const row = await db
    .selectFrom('out_of_band_management')
    .selectAll()
    .where('host_id', '=', hostId)
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw parameterError('hostid', hostId, 'a host whose out-of-band management is configured');
}

/** Has the out-of-band management of a host heeded or not. Throws 431 where none is configured. */
export async function heedOutOfBand(db: Db, hostId: string, isEnabled: boolean): Promise<{ id: string }> {
  await outOfBandRow(db, hostId);
  await db
    .updateTable('out_of_band_management')
    .set({ is_enabled: isEnabled, updated: new Date() })
    .where('host_id', '=', hostId)
    .execute();
  return { id: hostId };
}
