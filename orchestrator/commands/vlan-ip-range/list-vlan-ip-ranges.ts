import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentVlanIpRanges, vlanIpRangeFields } from './response.ts';

/** listVlanIpRanges. */
export const listVlanIpRanges = listCommand({
  name: 'listVlanIpRanges',
  description: 'Lists ranges of public addresses',
  roles: ['Admin'],
  entity: 'vlan_ip_range',
  keywordColumns: ['vlan', 'start_ip'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('Those of this zone'),
    physicalnetworkid: p.entity('physical_network').optional('Those of this physical network'),
    vlan: p.text.optional('Those of this VLAN'),
    forvirtualnetwork: p.boolean.optional('True: public addresses; false finds none'),
  },
  responseKey: 'vlaniprange',
  responseFields: vlanIpRangeFields,
  filter: (query, { zoneid, physicalnetworkid, vlan, forvirtualnetwork }) => {
    let narrowed = query;
    if (zoneid !== undefined) narrowed = narrowed.where('vlan_ip_range.zone_id', '=', zoneid.id);
    if (physicalnetworkid !== undefined) {
      narrowed = narrowed.where('vlan_ip_range.physical_network_id', '=', physicalnetworkid.id);
    }
    if (vlan !== undefined) narrowed = narrowed.where('vlan_ip_range.vlan', '=', vlan);
    return forvirtualnetwork === false ? narrowed.where(({ lit }) => lit(false)) : narrowed;
  },
  present: ({ db }, rows) => presentVlanIpRanges(db, rows),
});
