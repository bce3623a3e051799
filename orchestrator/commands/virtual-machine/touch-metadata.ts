import type { Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import { nicsByMachine } from './nics.ts';

/** Notes that what an instance reads about itself has changed. */
export async function touchMetadata(db: Trx, machineId: string): Promise<void> {
  for (const nic of (await nicsByMachine(db, [machineId])).get(machineId) ?? []) {
    await touch(db, nic.network_id, 'metadata.guests', nic.id);
  }
}
