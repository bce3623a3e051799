import type { Selectable } from 'kysely';
import { presentServices } from '../../model/network-service.ts';
import type { NetworkOfferingTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Fields of a network offering. */
export const networkOfferingFields: ResponseFields = {
  id: field.string('The id of the offering'),
  name: field.string('Its name'),
  displaytext: field.string('Its description'),
  created: field.date('When it was created'),
  traffictype: field.string('Guest'),
  guestiptype: field.string('Isolated, Shared or L2'),
  state: field.string('Enabled, Disabled or Inactive'),
  availability: field.string('Optional or Required'),
  isdefault: field.boolean('True: built in'),
  specifyvlan: field.boolean('Whether a network must name its VLAN'),
  specifyipranges: field.boolean('Whether a network must name its addresses'),
  conservemode: field.boolean('Whether an address may serve several services'),
  ispersistent: field.boolean('Whether a network keeps its router without instances'),
  egressdefaultpolicy: field.boolean('True: egress is allowed where no rule denies it'),
  serviceofferingid: field.string('The offering of its routers'),
  networkrate: field.integer('Mbit/s'),
  forvpc: field.boolean('Whether it is for tiers of VPCs'),
  internetprotocol: field.string('IPv4'),
  service: field.list('Its services, their providers and capabilities'),
  supportspublicaccess: field.boolean('Always false'),
  supportsstrechedl2subnet: field.boolean('Always false'),
};

/** A network offering as the API shows it. `defaultServiceOffering` is what routers take where it names none. */
export function presentNetworkOffering(
  row: Selectable<NetworkOfferingTable>,
  defaultServiceOffering: string | undefined,
): ResponseObject {
  return {
    id: row.id,
    name: row.name,
    displaytext: row.display_text,
    created: row.created,
    traffictype: row.traffic_type,
    guestiptype: row.guest_ip_type,
    state: row.state,
    availability: row.availability,
    isdefault: row.is_default,
    specifyvlan: row.specify_vlan,
    specifyipranges: row.specify_ip_ranges,
    conservemode: row.conserve_mode,
    ispersistent: row.is_persistent,
    egressdefaultpolicy: row.egress_default_allow,
    serviceofferingid: row.service_offering_id ?? defaultServiceOffering,
    networkrate: row.network_rate ?? undefined,
    forvpc: row.for_vpc,
    internetprotocol: 'IPv4',
    service: presentServices(row.services),
    supportspublicaccess: false,
    supportsstrechedl2subnet: false,
  };
}
