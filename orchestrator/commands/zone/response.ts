import type { Selectable } from 'kysely';
import type { ZoneTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Fields of a zone. */
export const zoneFields: ResponseFields = {
  id: field.string('The id of the zone'),
  name: field.string('Its name'),
  dns1: field.string('First public DNS server'),
  dns2: field.string('Second public DNS server'),
  internaldns1: field.string('First internal DNS server'),
  internaldns2: field.string('Second internal DNS server'),
  ip6dns1: field.string('First IPv6 DNS server'),
  ip6dns2: field.string('Second IPv6 DNS server'),
  guestcidraddress: field.string('CIDR of isolated networks that name none'),
  domain: field.string('Network domain of its networks'),
  networktype: field.string('Advanced'),
  securitygroupsenabled: field.boolean('Always false'),
  allocationstate: field.string('Enabled or Disabled'),
  localstorageenabled: field.boolean('Always true'),
  allowuserspecifyvrmtu: field.boolean('Whether a network may set the MTU of its router'),
  type: field.string('Core'),
  tags: field.set('Resource tags'),
};

/** A zone as the API shows it. */
export function presentZone(zone: Selectable<ZoneTable>): ResponseObject {
  return {
    id: zone.id,
    name: zone.name,
    dns1: zone.dns1,
    dns2: zone.dns2 ?? undefined,
    internaldns1: zone.internal_dns1,
    internaldns2: zone.internal_dns2 ?? undefined,
    ip6dns1: zone.ip6_dns1 ?? undefined,
    ip6dns2: zone.ip6_dns2 ?? undefined,
    guestcidraddress: zone.guest_cidr,
    domain: zone.network_domain ?? undefined,
    networktype: zone.network_type,
    securitygroupsenabled: false,
    allocationstate: zone.allocation_state,
    localstorageenabled: true,
    allowuserspecifyvrmtu: true,
    type: 'Core',
    tags: [],
  };
}
