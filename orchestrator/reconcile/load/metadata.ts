// Reads what instances learn about themselves, an entry a NIC: each network's router tells it to whoever asks by it.
import { compileGuest, compilePassword, type GuestInput } from '../../compile/metadata.ts';
import { parseUserData } from '../../model/user-data.ts';
import { among, type Loader } from './entries.ts';

export const metadataGuests: Loader = async (trx, networkId, ids) => {
  const sourceNat = await trx
    .selectFrom('public_ip_address')
    .select('address')
    .where('network_id', '=', networkId)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  const rows = await trx
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .innerJoin('service_offering', 'service_offering.id', 'virtual_machine.service_offering_id')
    .innerJoin('zone', 'zone.id', 'virtual_machine.zone_id')
    .leftJoin('public_ip_address', (join) =>
      join
        .onRef('public_ip_address.static_nat_nic_id', '=', 'nic.id')
        .on('public_ip_address.static_nat_state', 'in', ['Add', 'Active'])
        .on('public_ip_address.static_nat_private_address', 'is', null),
    )
    .select([
      'nic.id',
      'nic.address',
      'virtual_machine.id as machine_id',
      'virtual_machine.name',
      'virtual_machine.user_data',
      'virtual_machine.user_data_details',
      'virtual_machine.public_keys',
      'service_offering.name as service_offering',
      'zone.id as zone_id',
      'zone.name as zone_name',
      'public_ip_address.address as static_nat_address',
    ])
    .where('nic.network_id', '=', networkId)
    .where(among('nic.id', ids))
    .execute();
  return new Map(
    rows.map((row) => {
      const guest: GuestInput = {
        address: row.address,
        machineId: row.machine_id,
        hostname: row.name,
        serviceOffering: row.service_offering,
        zone: { id: row.zone_id, name: row.zone_name },
        publicAddress: row.static_nat_address ?? sourceNat?.address ?? null,
        publicKeys: row.public_keys,
        // Rows of earlier releases hold it in the alphabet in which it came.
        userData: row.user_data === null ? null : parseUserData(row.user_data),
        variables: row.user_data_details,
      };
      return [row.id, compileGuest(guest)];
    }),
  );
};

/** Through the router of its default network alone, so that it is given once. */
export const metadataPasswords: Loader = async (trx, networkId, ids, sealer) => {
  const rows = await trx
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .select([
      'nic.id',
      'nic.address',
      'virtual_machine.sealed_password as sealed',
      'virtual_machine.password_version as version',
    ])
    .where('nic.network_id', '=', networkId)
    .where('nic.is_default', '=', true)
    .where('virtual_machine.sealed_password', 'is not', null)
    .where(among('nic.id', ids))
    .execute();
  return new Map(
    rows.flatMap(({ id, address, sealed, version }) =>
      sealed === null || version === null ? [] : [[id, compilePassword(address, version, sealer.open(sealed))]],
    ),
  );
};
