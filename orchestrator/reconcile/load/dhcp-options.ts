// Reads further DHCP options of networks and NICs.
import type { DhcpOption } from '@isthmus/contract';
import type { Trx } from '../../store/database.ts';

/** The network's own, by code. */
export async function networkDhcpOptions(trx: Trx, networkId: string): Promise<DhcpOption[]> {
  return trx
    .selectFrom('network_dhcp_option')
    .select(['code', 'value'])
    .where('network_id', '=', networkId)
    .orderBy('code')
    .execute();
}

/** Those of the network's NICs, by NIC and code. `nicIds` null: of all. */
export async function nicDhcpOptions(
  trx: Trx,
  networkId: string,
  nicIds: readonly string[] | null,
): Promise<Map<string, DhcpOption[]>> {
  const rows = await trx
    .selectFrom('nic_dhcp_option')
    .innerJoin('nic', 'nic.id', 'nic_dhcp_option.nic_id')
    .select(['nic_dhcp_option.nic_id', 'nic_dhcp_option.code', 'nic_dhcp_option.value'])
    .where('nic.network_id', '=', networkId)
    .$if(nicIds !== null, (query) => query.where('nic.id', 'in', [...(nicIds ?? [])]))
    .orderBy('nic_dhcp_option.code')
    .execute();
  const options = new Map<string, DhcpOption[]>();
  for (const { nic_id, code, value } of rows) {
    const own = options.get(nic_id) ?? [];
    own.push({ code, value });
    options.set(nic_id, own);
  }
  return options;
}
