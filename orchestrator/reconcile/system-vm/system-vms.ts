// System VMs as appliances: what is their own of what all appliances have done to them.
import { consolePublicInterface } from '@isthmus/contract';
import { parseInterfaceName } from '@isthmus/net';
import type { Appliances } from '../appliance-kind.ts';
import type { Parts } from '../parts.ts';
import { hostsOf, type Placing, placeAppliance } from '../place-appliance.ts';
import { publicSegmentOf } from '../segments.ts';
import { DocumentPusher } from './document-pusher.ts';
import { removeSystemVm, type SystemVm } from './rows.ts';

const placing: Placing<SystemVm> = {
  kind: 'console-proxy',
  noun: 'console proxy',
  lockRow: (trx, id) =>
    trx.selectFrom('system_vm').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow(),
  neighbours: async (trx, vm) => {
    const others = await trx
      .selectFrom('system_vm')
      .select('host_id')
      .where('zone_id', '=', vm.zone_id)
      .where('id', '<>', vm.id)
      .execute();
    return { reaches: [], siblings: hostsOf(others) };
  },
  write: (trx, id, change, isNew) =>
    trx
      .updateTable('system_vm')
      .set({ ...change, ...(isNew && { acknowledged: null }) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow(),
};

const publicInterface = parseInterfaceName(consolePublicInterface);

/** What it said before it began to start counts no more. */
const unheard = { reported: null, healthy: false } as const;

/** A proxy has an agent of its own on every host, where it is a VM or a process. */
export function systemVmsOf(parts: Parts): Appliances<SystemVm> & { readonly documents: DocumentPusher } {
  const { db } = parts;
  const documents = new DocumentPusher(parts);
  return {
    parts,
    kind: 'console-proxy',
    noun: 'console proxy',
    documents,
    lock: parts.systemVmLock,
    lockedBy: async (id) => (await db.selectFrom('system_vm').select('id').where('id', '=', id).executeTakeFirst())?.id,
    row: (id) => db.selectFrom('system_vm').selectAll().where('id', '=', id).executeTakeFirst(),
    change: (id, change) =>
      db
        .updateTable('system_vm')
        .set({ ...change, ...(change.state !== undefined && change.state !== 'Running' && unheard) })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow(),
    hasOwnAgent: async () => true,
    place: (vm, wishes) => placeAppliance(parts, placing, vm, wishes),
    spec: (vm) => specOf(parts, vm),
    firstPush: async () => null,
    bringUpToDate: (vm, lease) => documents.bringUpToDate(vm, lease),
    lastWords: async () => undefined,
    remove: (vm) => db.transaction().execute((trx) => removeSystemVm(trx, vm)),
  };
}

async function specOf({ db }: Parts, vm: SystemVm) {
  const { public_ip_address_id: addressId } = vm;
  const uplink = addressId === null ? null : await publicSegmentOf(db, addressId);
  if (uplink === null) throw new Error(`system VM ${vm.name} has no public address`);
  const { segment, address } = uplink;
  const nic = { name: publicInterface, macAddress: vm.public_mac_address, segment, addresses: [address] };
  return { nics: [nic] };
}
