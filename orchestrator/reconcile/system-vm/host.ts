// System VMs of a host that is emptied or removed.
import { ApiError } from '../../model/api-error.ts';
import { destroy, migrate } from '../appliance.ts';
import type { Parts } from '../parts.ts';
import { systemVmsOf } from './system-vms.ts';

/**
 * Takes a system VM off a host: to another one, or, where no other can take it, away for good. Its zone is given another
 * as soon as it has a host for it. Throws where its end on this host is not confirmed.
 */
export async function leaveHost(parts: Parts, id: string, hostId: string): Promise<void> {
  const all = systemVmsOf(parts);
  try {
    await migrate(all, id, null);
  } catch (error) {
    const left = await all.row(id);
    if (left === undefined || left.host_id !== hostId) {
      parts.log.warn('a system VM has left its host, and does not run elsewhere yet', { id, error: String(error) });
      return;
    }
    if (!(error instanceof ApiError) || error.kind !== 'insufficientCapacity') throw error;
    parts.log.warn('no other host takes a system VM; it goes', { name: left.name, error: error.message });
    await destroy(all, id);
  }
}
