import { ipv4Network } from '@isthmus/net';
import type { Selectable } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { VlanIpRangeTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { netmaskPrefixLength } from '../netmask.ts';
import { field } from '../response-field.ts';

/** Fields of a range of public addresses. */
export const vlanIpRangeFields: ResponseFields = {
  id: field.string('The id of the range'),
  zoneid: field.string('Its zone'),
  physicalnetworkid: field.string('Its physical network'),
  forvirtualnetwork: field.boolean('True: public addresses'),
  vlan: field.string('Its VLAN, or vlan://untagged'),
  gateway: field.string('Its gateway'),
  netmask: field.string('Its netmask'),
  cidr: field.string('Its network'),
  startip: field.string('Its first address'),
  endip: field.string('Its last address'),
  ip6gateway: field.string('The gateway of its IPv6 network'),
  ip6cidr: field.string('The IPv6 network on its segment'),
  startipv6: field.string('The first IPv6 address of routers'),
  endipv6: field.string('The last IPv6 address of routers'),
  account: field.string('The account that it is kept for'),
  domainid: field.string('The domain that it is kept for'),
  domain: field.string("The domain's name"),
};

/** Ranges as the API shows them. */
export async function presentVlanIpRanges(
  db: Trx,
  rows: readonly Selectable<VlanIpRangeTable>[],
): Promise<ResponseObject[]> {
  const accounts = await rowsById(
    db,
    'account',
    rows.map((row) => row.account_id),
  );
  const domains = await rowsById(
    db,
    'domain',
    rows.map((row) => row.domain_id),
  );
  return rows.map((row) => ({
    id: row.id,
    zoneid: row.zone_id,
    physicalnetworkid: row.physical_network_id,
    forvirtualnetwork: true,
    vlan: row.vlan,
    gateway: row.gateway,
    netmask: row.netmask,
    cidr: ipv4Network(row.gateway, netmaskPrefixLength(row.netmask)),
    startip: row.start_ip,
    endip: row.end_ip,
    ip6gateway: row.ip6_gateway ?? undefined,
    ip6cidr: row.ip6_cidr ?? undefined,
    startipv6: row.start_ipv6 ?? undefined,
    endipv6: row.end_ipv6 ?? undefined,
    account: row.account_id === null ? undefined : accounts.get(row.account_id)?.name,
    domainid: row.domain_id ?? undefined,
    domain: row.domain_id === null ? undefined : domains.get(row.domain_id)?.name,
  }));
}
