// Reads instances' NICs, each of which is a lease and a name.
import { compileNic } from '../../compile/entries.ts';
import type { Trx } from '../../store/database.ts';
import { nicDhcpOptions } from './dhcp-options.ts';
import { among, type Entries, type Loader } from './entries.ts';
import { nicIpv6Address } from './ipv6.ts';

export const dhcpHosts: Loader = (trx, networkId, ids) => nics(trx, networkId, 'dhcp.hosts', ids);
export const dnsRecords: Loader = (trx, networkId, ids) => nics(trx, networkId, 'dns.records', ids);

async function nics(
  trx: Trx,
  networkId: string,
  collection: 'dhcp.hosts' | 'dns.records',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .innerJoin('network', 'network.id', 'nic.network_id')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select([
      'nic.id',
      'nic.address',
      'nic.mac_address',
      'nic.is_default',
      'virtual_machine.name',
      'network.ip6_cidr',
      'network_offering.internet_protocol',
    ])
    .where('nic.network_id', '=', networkId)
    .where(among('nic.id', ids))
    .execute();
  const options = collection === 'dhcp.hosts' ? await nicDhcpOptions(trx, networkId, ids) : new Map();
  return new Map(
    rows.map((row) => [
      row.id,
      compileNic({
        address: row.address,
        macAddress: row.mac_address,
        hostname: row.name,
        isDefault: row.is_default,
        dhcpOptions: options.get(row.id) ?? [],
        ipv6Address: nicIpv6Address(row),
      })[collection],
    ]),
  );
}
