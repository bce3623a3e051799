import { sql } from 'kysely';
import { defaultRouterOffering } from '../../store/router-offering.ts';
import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { networkOfferingFields, presentNetworkOffering } from './response.ts';

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
    forvpc: p.boolean.optional('Those for tiers of VPCs'),
    sourcenatsupported: p.boolean.optional('Those with source NAT'),
    supportedservices: p.textList.optional('Those with all of these services'),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  filter: (query, parameters) => {
    let narrowed = query;
    const texts = {
      name: parameters.name,
      display_text: parameters.displaytext,
      traffic_type: parameters.traffictype,
      guest_ip_type: parameters.guestiptype,
      state: parameters.state,
      availability: parameters.availability,
    };
    for (const [column, value] of Object.entries(texts)) {
      if (value === undefined) continue;
      narrowed = narrowed.where(sql<boolean>`lower(${sql.ref(`network_offering.${column}`)}) = lower(${value})`);
    }
    const flags = {
      is_default: parameters.isdefault,
      specify_vlan: parameters.specifyvlan,
      for_vpc: parameters.forvpc,
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
  present: async ({ db }, rows) => {
    const offering = await defaultRouterOffering(db);
    return rows.map((row) => presentNetworkOffering(row, offering));
  },
});
