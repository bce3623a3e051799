// Reads instances' NICs, each of which is a lease and a name.
import { compileNic } from '../../compile/entries.ts';
import type { Trx } from '../../store/database.ts';
import { among, type Entries, type Loader } from './entries.ts';

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
    .select(['nic.id', 'nic.address', 'nic.mac_address', 'virtual_machine.name'])
    .where('nic.network_id', '=', networkId)
    .where(among('nic.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compileNic({ address: row.address, macAddress: row.mac_address, hostname: row.name })[collection],
    ]),
  );
}
