import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { absentFilter, idFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { presentPublicIps, publicIpResponseFields } from './response.ts';

export const listPublicIpAddresses = listCommand({
  name: 'listPublicIpAddresses',
  description: 'Lists public IP addresses',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'public_ip_address',
  keywordColumns: ['address'],
  order: ['address_number'],
  parameters: {
    allocatedonly: p.boolean.optional('False: free addresses too, for root admins; by default allocated ones alone'),
    state: p.text.optional('List by state: Free, Allocating, Allocated or Releasing'),
    ipaddress: p.ipv4.optional('List by address'),
    zoneid: p.entity('zone').optional('List by zone'),
    associatednetworkid: p.entity('network').optional('List by the network that it belongs to'),
    networkid: idFilter('List by the physical network that it is on'),
    physicalnetworkid: idFilter('List by the physical network that it is on'),
    vlanid: idFilter('List by VLAN IP range'),
    issourcenat: p.boolean.optional('List by whether it is a source NAT address'),
    isstaticnat: p.boolean.optional('List by whether static NAT is enabled'),
    forvirtualnetwork: p.boolean.optional('False: addresses of shared networks; there are none'),
    forloadbalancing: p.boolean.optional('True: addresses with load balancers; there are none'),
    forsystemvms: p.boolean.optional('True: addresses of system VMs, for root admins; false: the others'),
    fordisplay: p.boolean.optional('False: addresses that are not shown; there are none'),
    vpcid: absentFilter('VPC'),
  },
  responseKey: 'publicipaddress',
  responseFields: publicIpResponseFields,
  filter: (query, parameters) => {
    let q = query;
    if (parameters.state !== undefined) {
      q = q.where((eb) =>
        eb(eb.fn<string>('lower', ['public_ip_address.state']), '=', (parameters.state ?? '').toLowerCase()),
      );
    }
    if (parameters.allocatedonly !== false && parameters.state?.toLowerCase() !== 'free') {
      q = q.where('public_ip_address.state', '<>', 'Free');
    }
    if (parameters.ipaddress !== undefined) q = q.where('public_ip_address.address', '=', parameters.ipaddress);
    if (parameters.zoneid !== undefined) q = q.where('public_ip_address.zone_id', '=', parameters.zoneid.id);
    if (parameters.associatednetworkid !== undefined) {
      q = q.where('public_ip_address.network_id', '=', parameters.associatednetworkid.id);
    }
    if (parameters.vlanid !== undefined) q = q.where('public_ip_address.vlan_ip_range_id', '=', parameters.vlanid);
    if (parameters.issourcenat !== undefined) {
      // The address of a routed network's router is one of its public NIC, and translates nothing.
      q = q.where(
        sql<boolean>`(public_ip_address.is_source_nat and exists (select 1 from network
          join network_offering offering on offering.id = network.network_offering_id
          where network.id = public_ip_address.network_id and offering.services ? 'SourceNat')) = ${parameters.issourcenat}`,
      );
    }
    if (parameters.isstaticnat === true) q = q.where('public_ip_address.static_nat_state', 'in', ['Add', 'Active']);
    if (parameters.isstaticnat === false) {
      q = q.where((eb) =>
        eb.or([
          eb('public_ip_address.static_nat_state', 'is', null),
          eb('public_ip_address.static_nat_state', '=', 'Revoke'),
        ]),
      );
    }
    for (const id of [parameters.networkid, parameters.physicalnetworkid]) {
      if (id === undefined) continue;
      q = q.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('vlan_ip_range')
            .select('vlan_ip_range.id')
            .whereRef('vlan_ip_range.id', '=', 'public_ip_address.vlan_ip_range_id')
            .where('vlan_ip_range.physical_network_id', '=', id),
        ),
      );
    }
    if (parameters.forsystemvms !== undefined) {
      const isSystems = sql<boolean>`(public_ip_address.state = 'Allocated' and public_ip_address.account_id is null)`;
      q = q.where(parameters.forsystemvms ? isSystems : sql<boolean>`not ${isSystems}`);
    }
    const impossible =
      parameters.forvirtualnetwork === false ||
      parameters.forloadbalancing === true ||
      parameters.fordisplay === false ||
      parameters.vpcid !== undefined;
    return nothingWhere(q, impossible);
  },
  present: presentPublicIps,
});
