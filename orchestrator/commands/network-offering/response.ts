import type { Selectable } from 'kysely';
import { presentServices } from '../../model/network-service.ts';
import type { Db } from '../../store/database.ts';
import { defaultRouterOffering } from '../../store/router-offering.ts';
import type { NetworkOfferingTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { domainPathText } from '../owner-fields.ts';
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
  internetprotocol: field.string('IPv4 or DualStack'),
  networkmode: field.string('NATTED or ROUTED'),
  routingmode: field.string('Of ROUTED: Static'),
  tags: field.string('Tags of the physical network'),
  domainid: field.string('The ids of the domains that it is for, comma-separated'),
  domain: field.string('Their paths'),
  zoneid: field.string('The ids of the zones that it is for, comma-separated'),
  zone: field.string('Their names'),
  maxconnections: field.integer('Connections of all load balancers of a router at once'),
  service: field.list('Its services, their providers and capabilities'),
  supportspublicaccess: field.boolean('Always false'),
  supportsstrechedl2subnet: field.boolean('Always false'),
};

/** Network offerings as the API shows them. */
export async function presentNetworkOfferings(
  db: Db,
  rows: readonly Selectable<NetworkOfferingTable>[],
): Promise<ResponseObject[]> {
  const routerOffering = await defaultRouterOffering(db);
  const domains = await rowsById(
    db,
    'domain',
    rows.flatMap((row) => row.domain_ids),
  );
  const zones = await rowsById(
    db,
    'zone',
    rows.flatMap((row) => row.zone_ids),
  );
  return rows.map((row) => ({
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
    serviceofferingid: row.service_offering_id ?? routerOffering,
    networkrate: row.network_rate ?? undefined,
    forvpc: row.for_vpc,
    internetprotocol: row.internet_protocol,
    networkmode: row.network_mode,
    routingmode: row.network_mode === 'ROUTED' ? 'Static' : undefined,
    tags: row.tags ?? undefined,
    domainid: listed(row.domain_ids),
    domain: listed(row.domain_ids.map((id) => domainPathText(domains.get(id)?.path ?? ''))),
    zoneid: listed(row.zone_ids),
    zone: listed(row.zone_ids.map((id) => zones.get(id)?.name ?? '')),
    maxconnections: row.max_connections ?? undefined,
    service: presentServices(row.services),
    supportspublicaccess: false,
    supportsstrechedl2subnet: false,
  }));
}

function listed(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',');
}

/** One offering by id as the API shows it; empty where it is gone. */
export async function presentNetworkOfferingById(db: Db, id: string): Promise<ResponseObject> {
  const rows = await db.selectFrom('network_offering').selectAll().where('id', '=', id).execute();
  return (await presentNetworkOfferings(db, rows))[0] ?? {};
}
