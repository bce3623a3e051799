// NICs with what their responses need, read once for all the instances of a page.
import type { Db } from '../../store/database.ts';
import type { Caller, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { dhcpOptionsByNic } from '../nic/dhcp-options.ts';
import { presentNic } from './nic-response.ts';

/** Presents NICs in the order of their rows. */
export async function presentNics(
  { db, caller }: { readonly db: Db; readonly caller: Caller },
  nics: readonly EntityRow<'nic'>[],
): Promise<ResponseObject[]> {
  const networks = await rowsById(
    db,
    'network',
    nics.map((nic) => nic.network_id),
  );
  const publicAddresses = await staticNatAddresses(db, nics);
  const secondary = await secondaryAddresses(db, nics);
  const options = await dhcpOptionsByNic(
    db,
    nics.map((nic) => nic.id),
  );
  return nics.map((nic) => ({
    ...presentNic(
      caller,
      nic,
      networks.get(nic.network_id),
      publicAddresses.get(nic.id),
      secondary.filter(({ nic_id }) => nic_id === nic.id),
    ),
    extradhcpoption: options.get(nic.id) ?? [],
  }));
}

async function secondaryAddresses(db: Db, nics: readonly EntityRow<'nic'>[]) {
  if (nics.length === 0) return [];
  return db
    .selectFrom('nic_secondary_address')
    .selectAll()
    .where(
      'nic_id',
      'in',
      nics.map(({ id }) => id),
    )
    .orderBy('created')
    .execute();
}

async function staticNatAddresses(db: Db, nics: readonly EntityRow<'nic'>[]) {
  if (nics.length === 0) return new Map<string | null, { id: string; address: string }>();
  const rows = await db
    .selectFrom('public_ip_address')
    .select(['id', 'address', 'static_nat_nic_id'])
    .where(
      'static_nat_nic_id',
      'in',
      nics.map(({ id }) => id),
    )
    .where('static_nat_state', 'in', ['Add', 'Active'])
    .execute();
  return new Map(rows.map((row) => [row.static_nat_nic_id, { id: row.id, address: row.address }]));
}

/** The NICs of instances, by instance, the default NIC first. */
export async function nicsByMachine(db: Db, machineIds: readonly string[]): Promise<Map<string, EntityRow<'nic'>[]>> {
  const found = new Map<string, EntityRow<'nic'>[]>();
  if (machineIds.length === 0) return found;
  const nics = await db
    .selectFrom('nic')
    .selectAll()
    .where('virtual_machine_id', 'in', [...machineIds])
    .orderBy('device_id')
    .execute();
  for (const nic of nics) found.set(nic.virtual_machine_id, [...(found.get(nic.virtual_machine_id) ?? []), nic]);
  return found;
}
