// Reads port forwarding rules, public addresses and static NAT.
import { prefixLengthOfNetmask } from '@isthmus/net';
import { compilePortForward, compilePublicAddress, compileStaticNat } from '../../compile/entries.ts';
import type { Trx } from '../../store/database.ts';
import { among, type Entries, type Loader } from './entries.ts';

export const staticNats: Loader = (trx, networkId, ids) => publicAddresses(trx, networkId, 'nat.staticNats', ids);
export const furtherAddresses: Loader = (trx, networkId, ids) =>
  publicAddresses(trx, networkId, 'routing.publicAddresses', ids);

export const portForwards: Loader = async (trx, networkId, ids) => {
  const rows = await trx
    .selectFrom('port_forwarding_rule')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'port_forwarding_rule.public_ip_address_id')
    .innerJoin('nic', 'nic.id', 'port_forwarding_rule.nic_id')
    .selectAll('port_forwarding_rule')
    .select(['public_ip_address.address as public_address', 'nic.address as nic_address'])
    .where('port_forwarding_rule.network_id', '=', networkId)
    .where(among('port_forwarding_rule.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compilePortForward({
        publicAddress: row.public_address,
        privateAddress: row.private_address ?? row.nic_address,
        protocol: row.protocol,
        publicPorts: [row.public_start_port, row.public_end_port],
        privatePorts: [row.private_start_port, row.private_end_port],
        state: row.state,
      }),
    ]),
  );
};

async function publicAddresses(
  trx: Trx,
  networkId: string,
  collection: 'nat.staticNats' | 'routing.publicAddresses',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .leftJoin('nic', 'nic.id', 'public_ip_address.static_nat_nic_id')
    .select([
      'public_ip_address.id',
      'public_ip_address.address',
      'public_ip_address.is_source_nat',
      'public_ip_address.state',
      'public_ip_address.static_nat_state',
      'vlan_ip_range.netmask',
      'public_ip_address.static_nat_private_address',
      'nic.address as nic_address',
    ])
    .where('public_ip_address.network_id', '=', networkId)
    .where(among('public_ip_address.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      collection === 'nat.staticNats'
        ? compileStaticNat({
            publicAddress: row.address,
            privateAddress: row.nic_address === null ? null : (row.static_nat_private_address ?? row.nic_address),
            state: row.static_nat_state,
          })
        : compilePublicAddress({
            address: row.address,
            prefixLength: prefixLengthOfNetmask(row.netmask),
            isSourceNat: row.is_source_nat,
            state: row.state,
          }),
    ]),
  );
}
