import { netmaskOf, prefixLengthOf } from '@isthmus/net';
import type { Db } from '../../store/database.ts';
import { newestRouterImage } from '../../store/router-image.ts';
import type { Caller, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { healthCheckFields, healthChecksOf } from '../health-check/response.ts';
import { hostControlState } from '../host/control-state.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import { softwareFields } from './software.ts';

export const routerResponseFields: ResponseFields = {
  id: field.string('The id of the router'),
  name: field.string('The name of the router'),
  state: field.string('Starting, Running, Stopping, Stopped, Destroyed or Error'),
  ...ownerResponseFields,
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  podid: field.string('The id of the pod'),
  podname: field.string('The name of the pod'),
  hostid: field.string('The id of the host'),
  hostname: field.string('The name of the host'),
  hypervisor: field.string("The hypervisor of the host's cluster"),
  linklocalip: field.string('Its control address on its host, for root admins'),
  hostcontrolstate: field.string('Enabled where its host takes machines, else Disabled or Offline, for root admins'),
  details: field.map('For root admins. driver: how its host carries it; reason: why it is in its state'),
  dns1: field.string('The first DNS server'),
  dns2: field.string('The second DNS server'),
  networkdomain: field.string('The DNS domain of its network'),
  gateway: field.string('The gateway of its public side'),
  publicip: field.string('Its public IP address'),
  publicmacaddress: field.string('The MAC address of its public NIC'),
  publicnetmask: field.string('The netmask of its public side'),
  guestipaddress: field.string('Its address in the network'),
  guestmacaddress: field.string('The MAC address of its guest NIC'),
  guestnetmask: field.string("The network's netmask"),
  guestnetworkid: field.string('The id of its network'),
  guestnetworkname: field.string('The name of its network'),
  serviceofferingid: field.string('The id of its service offering'),
  serviceofferingname: field.string('The name of its service offering'),
  isredundantrouter: field.boolean('True: one of a redundant pair'),
  redundantstate: field.string('Its part in a redundant pair'),
  role: field.string('What it serves as: VIRTUAL_ROUTER'),
  version: field.string('The release of its image'),
  softwareversion: field.string('The release of the agent that serves in it'),
  requiresupgrade: field.boolean('True: it runs an older release'),
  created: field.date('When the router was made'),
  nic: field.set('Its NICs', {
    id: field.string('The id of the NIC'),
    networkid: field.string('The id of the network'),
    networkname: field.string('The name of the network'),
    netmask: field.string('The netmask'),
    gateway: field.string('The gateway'),
    ipaddress: field.string('The address'),
    traffictype: field.string('Guest or Public'),
    isdefault: field.boolean('True: the default route goes out by it'),
    macaddress: field.string('The MAC address'),
  }),
  healthchecksfailed: field.boolean('True: it fails a health check; absent where none was made yet'),
  healthcheckresults: field.list('The results of its health checks, where they are asked for', healthCheckFields),
  hasannotations: field.boolean('True: the router has annotations'),
};

interface PresentContext {
  readonly db: Db;
  readonly caller: Caller;
}
type Row = EntityRow<'router'>;

/** Routers as the API shows them. */
export async function presentRouters(
  { db, caller }: PresentContext,
  rows: readonly Row[],
  { withHealthChecks = false }: { readonly withHealthChecks?: boolean } = {},
): Promise<ResponseObject[]> {
  const health = await healthChecksOf(
    db,
    rows.map(({ id }) => id),
  );
  const owner = await ownerFields(db, rows);
  const ids = (column: 'zone_id' | 'pod_id' | 'host_id' | 'network_id' | 'service_offering_id') =>
    rows.map((row) => row[column]);
  const zones = await rowsById(db, 'zone', ids('zone_id'));
  const pods = await rowsById(db, 'pod', ids('pod_id'));
  const hosts = await rowsById(db, 'host', caller.role === 'Admin' ? ids('host_id') : []);
  const clusters = await rowsById(
    db,
    'cluster',
    [...hosts.values()].map((host) => host.cluster_id),
  );
  const networks = await rowsById(db, 'network', ids('network_id'));
  const offerings = await rowsById(db, 'service_offering', ids('service_offering_id'));
  const uplinks = await publicSides(db, rows);
  const newest = await newestRouterImage(db);
  return rows.map((row) => {
    const host = row.host_id === null ? undefined : hosts.get(row.host_id);
    const network = networks.get(row.network_id);
    const zone = zones.get(row.zone_id);
    const guest = guestSide(row, network);
    const uplink = uplinks.get(row.network_id);
    return {
      id: row.id,
      name: row.name,
      state: row.state,
      ...owner(row),
      zoneid: row.zone_id,
      zonename: zone?.name,
      podid: row.pod_id,
      podname: pods.get(row.pod_id)?.name,
      hostid: host?.id,
      hostname: host?.name,
      hypervisor: host && clusters.get(host.cluster_id)?.hypervisor,
      ...adminFields(caller, row, host),
      dns1: network?.dns1 ?? zone?.dns1,
      dns2: network?.dns1 ? (network.dns2 ?? undefined) : (zone?.dns2 ?? undefined),
      networkdomain: network?.network_domain,
      gateway: uplink?.gateway,
      publicip: uplink?.address,
      publicmacaddress: row.public_mac_address,
      publicnetmask: uplink?.netmask,
      guestipaddress: guest.ipaddress,
      guestmacaddress: guest.macaddress,
      guestnetmask: guest.netmask,
      guestnetworkid: guest.networkid,
      guestnetworkname: guest.networkname,
      serviceofferingid: row.service_offering_id,
      serviceofferingname: offerings.get(row.service_offering_id)?.name,
      isredundantrouter: false,
      redundantstate: 'UNKNOWN',
      role: 'VIRTUAL_ROUTER',
      ...softwareFields(row, host, newest),
      created: row.created,
      nic: [
        guest,
        ...(uplink
          ? [
              {
                id: `${row.id}-public`,
                networkid: uplink.physical_network_id,
                netmask: uplink.netmask,
                gateway: uplink.gateway,
                ipaddress: uplink.address,
                traffictype: 'Public',
                isdefault: true,
                macaddress: row.public_mac_address,
              },
            ]
          : []),
      ],
      ...healthFields(health.get(row.id), withHealthChecks),
      hasannotations: false,
    };
  });
}

function healthFields(results: readonly ResponseObject[] | undefined, withResults: boolean): ResponseObject {
  if (results === undefined) return withResults ? { healthcheckresults: [] } : {};
  const healthchecksfailed = results.some(({ status }) => status === 'FAILURE');
  return { healthchecksfailed, ...(withResults && { healthcheckresults: results }) };
}

function adminFields(caller: Caller, row: Row, host: EntityRow<'host'> | undefined): ResponseObject {
  if (caller.role !== 'Admin') return {};
  const details = Object.entries({ driver: host?.driver, reason: row.reason }).filter(([, value]) => value);
  return {
    linklocalip: row.link_local_address ?? undefined,
    hostcontrolstate: host && hostControlState(host),
    details: details.length === 0 ? undefined : Object.fromEntries(details),
  };
}

function guestSide(row: Row, network: EntityRow<'network'> | undefined) {
  return {
    id: `${row.id}-guest`,
    networkid: row.network_id,
    networkname: network?.name,
    netmask: network && netmaskOf(prefixLengthOf(network.cidr)),
    ipaddress: network?.gateway,
    traffictype: 'Guest',
    isdefault: false,
    macaddress: row.guest_mac_address,
  };
}

/** The source NAT addresses of the routers' networks, by network. */
async function publicSides(db: Db, rows: readonly Row[]) {
  if (rows.length === 0) return new Map<string | null, never>();
  const found = await db
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select([
      'public_ip_address.network_id',
      'public_ip_address.address',
      'vlan_ip_range.gateway',
      'vlan_ip_range.netmask',
      'vlan_ip_range.physical_network_id',
    ])
    .where(
      'public_ip_address.network_id',
      'in',
      rows.map((row) => row.network_id),
    )
    .where('public_ip_address.is_source_nat', '=', true)
    .execute();
  return new Map(found.map((each) => [each.network_id, each]));
}

/** One router by id as the API shows it; empty where it is gone. */
export async function presentRouter(context: PresentContext, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('router').selectAll().where('id', '=', id).execute();
  return (await presentRouters(context, rows))[0] ?? {};
}
