// The rows of system VMs: made with an address of the zone that is the system's, removed with it.
import { macFromNumber } from '@isthmus/net';
import type { Selectable } from 'kysely';
import { ApiError } from '../../model/api-error.ts';
import { nextNumber, type Trx } from '../../store/database.ts';
import { allocateSystemAddress } from '../../store/public-address.ts';
import { defaultSystemOffering } from '../../store/router-offering.ts';
import type { SystemVmTable } from '../../store/tables/console.ts';
import { podOfNewAppliance } from '../place-appliance.ts';
import { freeAddress } from '../public-ip-address.ts';

export type SystemVm = Selectable<SystemVmTable>;

/** The row of a new console proxy, which is to be started. Throws 533 where the zone has no host or no free address. */
export async function createConsoleProxy(trx: Trx, zoneId: string): Promise<SystemVm> {
  const offeringId = await defaultSystemOffering(trx, 'consoleproxy');
  if (offeringId === undefined) {
    throw new ApiError('insufficientCapacity', 'There is no active service offering for console proxies');
  }
  const podId = await podOfNewAppliance(trx, zoneId);
  const address = await allocateSystemAddress(trx, zoneId);
  return trx
    .insertInto('system_vm')
    .values({
      name: `v-${await nextNumber(trx, 'appliance_number')}-VM`,
      type: 'consoleproxy',
      zone_id: zoneId,
      pod_id: podId,
      host_id: null,
      service_offering_id: offeringId,
      public_ip_address_id: address.id,
      public_mac_address: macFromNumber(await nextNumber(trx, 'mac_number')),
      link_local_address: null,
      state: 'Starting',
      reason: null,
      image_id: null,
      version: null,
      software_version: null,
      software_sha256: null,
      draining: null,
      reported: null,
      idle_since: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The row away, its address free. What it was has ended already. */
export async function removeSystemVm(trx: Trx, vm: SystemVm): Promise<void> {
  await trx.deleteFrom('system_vm').where('id', '=', vm.id).execute();
  const resolved = new Date();
  await trx
    .updateTable('alert')
    .set({ resolved })
    .where('resource_id', '=', vm.id)
    .where('resolved', 'is', null)
    .execute();
  if (vm.public_ip_address_id === null) return;
  await trx.updateTable('public_ip_address').set(freeAddress).where('id', '=', vm.public_ip_address_id).execute();
}
