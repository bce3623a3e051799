import { touch } from '../../store/network-change.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentZone, zoneFields } from './response.ts';

/** updateZone: what is not given stays. New DNS servers reach the zone's routers. */
export const updateZone = syncCommand({
  name: 'updateZone',
  description: 'Updates a zone',
  roles: ['Admin'],
  parameters: {
    id: p.entity('zone').required('The id of the zone'),
    name: p.name.optional('Its new name'),
    dns1: p.ipv4.optional('First public DNS server'),
    dns2: p.ipv4.optional('Second public DNS server'),
    internaldns1: p.ipv4.optional('First DNS server of the system VMs'),
    internaldns2: p.ipv4.optional('Second DNS server of the system VMs'),
    ip6dns1: p.ipv6.optional('First IPv6 DNS server'),
    ip6dns2: p.ipv6.optional('Second IPv6 DNS server'),
    guestcidraddress: p.ipv4Cidr.optional('CIDR of isolated networks that name none'),
    domain: p.fqdn.optional('Network domain of its networks'),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether the zone takes new networks and instances'),
  },
  responseKey: 'zone',
  responseFields: zoneFields,
  handler: async ({ db, event }, parameters) => {
    const { id: before } = parameters;
    if (parameters.name !== undefined && parameters.name !== before.name) {
      const taken = await db.selectFrom('zone').select('id').where('name', '=', parameters.name).executeTakeFirst();
      if (taken !== undefined) throw parameterError('name', parameters.name, 'a name that no other zone has');
    }
    const zone = await db
      .updateTable('zone')
      .set({
        name: parameters.name ?? before.name,
        dns1: parameters.dns1 ?? before.dns1,
        dns2: parameters.dns2 ?? before.dns2,
        internal_dns1: parameters.internaldns1 ?? before.internal_dns1,
        internal_dns2: parameters.internaldns2 ?? before.internal_dns2,
        ip6_dns1: parameters.ip6dns1 ?? before.ip6_dns1,
        ip6_dns2: parameters.ip6dns2 ?? before.ip6_dns2,
        guest_cidr: parameters.guestcidraddress ?? before.guest_cidr,
        network_domain: parameters.domain ?? before.network_domain,
        allocation_state: parameters.allocationstate ?? before.allocation_state,
      })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    const networks = await db.selectFrom('network').select('id').where('zone_id', '=', zone.id).execute();
    for (const network of networks) await touch(db, network.id, 'settings', '*');
    await event('ZONE.EDIT', `Updated zone ${zone.name}`, { type: 'Zone', id: zone.id });
    return presentZone(zone);
  },
});
