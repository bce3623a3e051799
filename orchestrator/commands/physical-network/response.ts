import type { Selectable } from 'kysely';
import { routerServices } from '../../model/network-service.ts';
import type { Trx } from '../../store/database.ts';
import type { NetworkServiceProviderTable, PhysicalNetworkTable, TrafficTypeTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

/** Fields of a physical network. */
export const physicalNetworkFields: ResponseFields = {
  id: field.string('The id of the physical network'),
  name: field.string('Its name'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  state: field.string('Enabled or Disabled'),
  vlan: field.string('Range of VNIs of its guest networks'),
  broadcastdomainrange: field.string('ZONE'),
  isolationmethods: field.string('How guest networks are told apart'),
  networkspeed: field.string('Its speed'),
  tags: field.string('Its tags'),
};

/** Physical networks as the API shows them. */
export async function presentPhysicalNetworks(
  db: Trx,
  rows: readonly Selectable<PhysicalNetworkTable>[],
): Promise<ResponseObject[]> {
  const zones = await rowsById(
    db,
    'zone',
    rows.map((row) => row.zone_id),
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    zoneid: row.zone_id,
    zonename: zones.get(row.zone_id)?.name,
    state: row.state,
    vlan: row.vni_first === null ? undefined : `${row.vni_first}-${row.vni_last}`,
    broadcastdomainrange: 'ZONE',
    isolationmethods: row.isolation_method,
    networkspeed: row.network_speed ?? undefined,
    tags: row.tags ?? undefined,
  }));
}

/** Fields of a traffic type. */
export const trafficTypeFields: ResponseFields = {
  id: field.string('The id of the traffic type'),
  physicalnetworkid: field.string('Its physical network'),
  traffictype: field.string('Public, Guest, Management, Storage or Control'),
  kvmnetworklabel: field.string("The bridge on the hosts; absent: the host agent's own"),
};

/** A traffic type as the API shows it. */
export function presentTrafficType(row: Selectable<TrafficTypeTable>): ResponseObject {
  return {
    id: row.id,
    physicalnetworkid: row.physical_network_id,
    traffictype: row.traffic_type,
    kvmnetworklabel: row.label ?? undefined,
  };
}

/** Fields of a network service provider. */
export const providerFields: ResponseFields = {
  id: field.string('The id of the provider'),
  name: field.string('VirtualRouter'),
  physicalnetworkid: field.string('Its physical network'),
  state: field.string('Enabled or Disabled'),
  servicelist: field.list('The services that it provides'),
  canenableindividualservice: field.boolean('Whether offerings may use some of its services alone'),
};

/** A provider as the API shows it. */
export function presentProvider(row: Selectable<NetworkServiceProviderTable>): ResponseObject {
  return {
    id: row.id,
    name: row.name,
    physicalnetworkid: row.physical_network_id,
    state: row.state,
    servicelist: routerServices,
    canenableindividualservice: true,
  };
}

/** Fields of a virtual router element. */
export const elementFields: ResponseFields = {
  id: field.string('The id of the element'),
  nspid: field.string('Its network service provider'),
  enabled: field.boolean('Whether routers may be deployed'),
};
