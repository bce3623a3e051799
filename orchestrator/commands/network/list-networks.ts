import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { absentFilter, idFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { networkResponseFields, presentNetworks } from './response.ts';

export const listNetworks = listCommand({
  name: 'listNetworks',
  description: 'Lists networks',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'network',
  keywordColumns: ['name', 'display_text'],
  order: ['created'],
  parameters: {
    name: p.text.optional('List by name, exactly'),
    zoneid: p.entity('zone').optional('List by zone'),
    type: p.text.optional('List by guest type: Isolated, Shared or L2'),
    traffictype: p.text.optional('List by traffic type: Guest'),
    acltype: p.text.optional('List by ACL type: Account or Domain'),
    physicalnetworkid: idFilter('List by physical network'),
    networkofferingid: p.entity('network_offering').optional('List by network offering'),
    supportedservices: p.textList.optional('List networks with all of these services'),
    restartrequired: p.boolean.optional('List by whether a change waits for a restart'),
    specifyipranges: p.boolean.optional('List by whether the caller chooses IP ranges'),
    displaynetwork: p.boolean.optional('List by whether the network is shown to its users'),
    canusefordeploy: p.boolean.optional('List by whether instances may be deployed in it'),
    issystem: p.boolean.optional('True: networks for system use; there are none'),
    forvpc: p.boolean.optional('True: tiers of VPCs; there are none'),
    vpcid: absentFilter('VPC'),
    associatednetworkid: absentFilter('shared network'),
    networkfilter: p.oneOf('all', 'account', 'domain', 'accountdomain', 'shared').optional('List by who shares it'),
  },
  responseKey: 'network',
  responseFields: networkResponseFields,
  filter: (query, parameters) => {
    let q = query;
    if (parameters.name !== undefined) q = q.where('network.name', '=', parameters.name);
    if (parameters.zoneid !== undefined) q = q.where('network.zone_id', '=', parameters.zoneid.id);
    if (parameters.physicalnetworkid !== undefined) {
      q = q.where('network.physical_network_id', '=', parameters.physicalnetworkid);
    }
    if (parameters.networkofferingid !== undefined) {
      q = q.where('network.network_offering_id', '=', parameters.networkofferingid.id);
    }
    if (parameters.restartrequired !== undefined) {
      q = q.where('network.restart_required', '=', parameters.restartrequired);
    }
    if (parameters.displaynetwork !== undefined) {
      q = q.where('network.display_network', '=', parameters.displaynetwork);
    }
    if (parameters.canusefordeploy !== undefined) {
      q = q.where('network.state', parameters.canusefordeploy ? '<>' : '=', 'Destroy');
    }
    for (const service of parameters.supportedservices ?? []) {
      q = q.where(ofOffering(sql`services ? ${service}`));
    }
    if (parameters.specifyipranges !== undefined) {
      q = q.where(ofOffering(sql`specify_ip_ranges = ${parameters.specifyipranges}`));
    }
    if (parameters.type !== undefined) {
      q = q.where(ofOffering(sql`lower(guest_ip_type) = ${parameters.type.toLowerCase()}`));
    }
    return nothingWhere(q, asksForNothing(parameters));
  },
  present: presentNetworks,
});

function ofOffering(condition: ReturnType<typeof sql>) {
  return sql<boolean>`exists (select 1 from network_offering where id = network.network_offering_id and ${condition})`;
}

interface Impossible {
  readonly traffictype?: string | undefined;
  readonly acltype?: string | undefined;
  readonly issystem?: boolean | undefined;
  readonly forvpc?: boolean | undefined;
  readonly vpcid?: string | undefined;
  readonly associatednetworkid?: string | undefined;
  readonly networkfilter?: string | undefined;
}

/** Whether a filter holds for no isolated network of an account. */
function asksForNothing(filter: Impossible): boolean {
  return (
    (filter.traffictype ?? 'Guest').toLowerCase() !== 'guest' ||
    (filter.acltype ?? 'Account').toLowerCase() !== 'account' ||
    filter.issystem === true ||
    filter.forvpc === true ||
    [filter.vpcid, filter.associatednetworkid].some((value) => value !== undefined) ||
    ['domain', 'shared'].includes(filter.networkfilter ?? 'all')
  );
}
