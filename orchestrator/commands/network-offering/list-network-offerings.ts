import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { p } from '../parameter.ts';
import { offeredInZone, offeredToDomain } from './availability.ts';
import { networkOfferingFields, presentNetworkOfferings } from './response.ts';

/** listNetworkOfferings. */
export const listNetworkOfferings = listCommand({
  name: 'listNetworkOfferings',
  description: 'Lists network offerings',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'network_offering',
  keywordColumns: ['name', 'display_text'],
  order: ['is_default desc', 'created', 'name'],
  parameters: {
    name: p.text.optional('The one of this name'),
    displaytext: p.text.optional('Those of this description'),
    traffictype: p.text.optional('Guest'),
    guestiptype: p.text.optional('Isolated, Shared or L2'),
    state: p.text.optional('Those in this state'),
    availability: p.text.optional('Optional or Required'),
    isdefault: p.boolean.optional('True: built in'),
    specifyvlan: p.boolean.optional('Those whose networks name their VLAN'),
    specifyipranges: p.boolean.optional('Those whose networks name their addresses'),
    domainid: p.entity('domain').optional('Those for this domain'),
    zoneid: p.entity('zone').optional('Those of this zone'),
    networkid: p.entity('network').optional('Those that this network can move to'),
    tags: p.text.optional('Those with these tags'),
    istagged: p.boolean.optional('Those with or without tags'),
    routingmode: p.text.optional('Of ROUTED: Static'),
    forvpc: p.boolean.optional('Those for tiers of VPCs'),
    sourcenatsupported: p.boolean.optional('Those with source NAT'),
    supportedservices: p.textList.optional('Those with all of these services'),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  filter: (query, parameters, { caller }) => {
    let narrowed = query;
    if (caller.role !== 'Admin') narrowed = narrowed.where(offeredToDomain(caller.domainPath));
    if (parameters.domainid !== undefined) narrowed = narrowed.where(offeredToDomain(parameters.domainid.path));
    if (parameters.zoneid !== undefined) narrowed = narrowed.where(offeredInZone(parameters.zoneid.id));
    if (parameters.istagged !== undefined) {
      narrowed = narrowed.where('network_offering.tags', parameters.istagged ? 'is not' : 'is', null);
    }
    if (parameters.routingmode !== undefined) {
      const routed = parameters.routingmode.toLowerCase() === 'static';
      narrowed = narrowed.where(sql<boolean>`${routed} and network_offering.network_mode = 'ROUTED'`);
    }
    if (parameters.networkid !== undefined) narrowed = narrowed.where(reachableFrom(parameters.networkid));
    const texts = {
      name: parameters.name,
      display_text: parameters.displaytext,
      traffic_type: parameters.traffictype,
      guest_ip_type: parameters.guestiptype,
      state: parameters.state,
      availability: parameters.availability,
      tags: parameters.tags,
    };
    for (const [column, value] of Object.entries(texts)) {
      if (value === undefined) continue;
      narrowed = narrowed.where(sql<boolean>`lower(${sql.ref(`network_offering.${column}`)}) = lower(${value})`);
    }
    const flags = {
      is_default: parameters.isdefault,
      specify_vlan: parameters.specifyvlan,
      for_vpc: parameters.forvpc,
      specify_ip_ranges: parameters.specifyipranges,
    };
    for (const [column, value] of Object.entries(flags)) {
      if (value !== undefined)
        narrowed = narrowed.where(sql<boolean>`${sql.ref(`network_offering.${column}`)} = ${value}`);
    }
    const services = [...(parameters.supportedservices ?? [])];
    if (parameters.sourcenatsupported === true) services.push('SourceNat');
    for (const service of services) narrowed = narrowed.where(sql<boolean>`network_offering.services ? ${service}`);
    return parameters.sourcenatsupported === false
      ? narrowed.where(sql<boolean>`not network_offering.services ? 'SourceNat'`)
      : narrowed;
  },
  present: ({ db }, rows) => presentNetworkOfferings(db, rows),
});

/** True for the offerings that a network may move to: enabled, of its guest type and mode, for its zone. */
function reachableFrom(network: EntityRow<'network'>) {
  return sql<boolean>`(network_offering.state = 'Enabled' and not network_offering.for_vpc
    and ${offeredInZone(network.zone_id)}
    and (network_offering.guest_ip_type, network_offering.network_mode) =
      (select own.guest_ip_type, own.network_mode from network_offering own
        where own.id = ${network.network_offering_id}))`;
}
