import { parseIpv4Cidr } from '@isthmus/net';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentZone, zoneFields } from './response.ts';

/** What isolated networks get where neither they nor the zone say otherwise, as the field has it. */
const defaultGuestCidr = parseIpv4Cidr('10.1.1.0/24');

/** createZone: a data centre. Only advanced zones without security groups, as system VMs need them. */
export const createZone = syncCommand({
  name: 'createZone',
  description: 'Creates a zone',
  roles: ['Admin'],
  parameters: {
    name: p.name.required('The name of the zone'),
    networktype: p.oneOf('Advanced').required('Network type: Advanced'),
    dns1: p.ipv4.required('First public DNS server; routers forward to it'),
    dns2: p.ipv4.optional('Second public DNS server'),
    internaldns1: p.ipv4.required('First DNS server of the system VMs'),
    internaldns2: p.ipv4.optional('Second DNS server of the system VMs'),
    ip6dns1: p.ipv6.optional('First IPv6 DNS server, which guests are told of where their router is none'),
    ip6dns2: p.ipv6.optional('Second IPv6 DNS server'),
    guestcidraddress: p.ipv4Cidr.optional('CIDR of isolated networks that name none; 10.1.1.0/24 by default'),
    domain: p.fqdn.optional('Network domain of its networks'),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether the zone takes new networks and instances'),
    securitygroupenabled: p.boolean.optional('Must be false'),
    localstorageenabled: p.boolean.optional('Taken and ignored: instances have local disks'),
  },
  responseKey: 'zone',
  responseFields: zoneFields,
  handler: async ({ db, event }, parameters) => {
    if (parameters.securitygroupenabled === true) {
      throw parameterError('securitygroupenabled', 'true', 'false: zones with security groups are not offered');
    }
    const taken = await db.selectFrom('zone').select('id').where('name', '=', parameters.name).executeTakeFirst();
    if (taken !== undefined) throw parameterError('name', parameters.name, 'a name that no other zone has');
    const zone = await db
      .insertInto('zone')
      .values({
        name: parameters.name,
        network_type: parameters.networktype,
        dns1: parameters.dns1,
        dns2: parameters.dns2 ?? null,
        internal_dns1: parameters.internaldns1,
        internal_dns2: parameters.internaldns2 ?? null,
        ip6_dns1: parameters.ip6dns1 ?? null,
        ip6_dns2: parameters.ip6dns2 ?? null,
        guest_cidr: parameters.guestcidraddress ?? defaultGuestCidr,
        network_domain: parameters.domain ?? null,
        allocation_state: parameters.allocationstate ?? 'Enabled',
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('ZONE.CREATE', `Created zone ${zone.name}`, { type: 'Zone', id: zone.id });
    return presentZone(zone);
  },
});
