// Where an instance is whose migration did not come to its end: on the host that it left, or on one that it reached.
import type { Selectable } from 'kysely';
import type { HostClient } from '../drivers/host-client.ts';
import type { HostTable, VirtualMachineTable } from '../store/schema.ts';
import type { Parts } from './parts.ts';

type Migrating = Pick<Selectable<VirtualMachineTable>, 'id' | 'name' | 'host_id' | 'zone_id'>;

/** True where an instance runs on a host. Throws what the client throws. */
export async function runsOn(client: HostClient, id: string): Promise<boolean> {
  return (await client.instances()).some((report) => report.id === id && report.state === 'Running');
}

function otherHosts(parts: Parts, { host_id: from, zone_id: zoneId }: Migrating): Promise<Selectable<HostTable>[]> {
  return parts.db.selectFrom('host').selectAll().where('zone_id', '=', zoneId).where('id', '<>', from).execute();
}

/** The host that the instance has reached; null where no host that answers has it. */
export async function reachedHost(parts: Parts, machine: Migrating): Promise<string | null> {
  for (const host of await otherHosts(parts, machine)) {
    if (host.state !== 'Up') continue;
    if (await runsOn(parts.hosts.at(host.url, host.id), machine.id).catch(() => false)) return host.id;
  }
  return null;
}

/**
 * As `reachedHost`, where the host that the instance left is off, so that it can reach no other any more: what waits for
 * it elsewhere is removed. Throws where a host that may have it does not answer.
 */
export async function reachedHostForCertain(parts: Parts, machine: Migrating): Promise<string | null> {
  for (const host of await otherHosts(parts, machine)) {
    if (host.fenced !== null || host.state === 'Connecting') continue;
    const client = parts.hosts.at(host.url, host.id);
    if (host.driver === 'libvirt') await client.concludeMigration(machine.id);
    if (await runsOn(client, machine.id)) return host.id;
  }
  return null;
}
