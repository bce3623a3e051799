import { netmaskOf, prefixLengthOf } from '@isthmus/net';
import { presentServices } from '../../model/network-service.ts';
import type { Db } from '../../store/database.ts';
import type { Caller, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import { dhcpOptionsByNetwork, networkDhcpOptionField } from './dhcp-options.ts';
import { cidrFields, ipFields, networkIpFields, uplinkAddresses } from './response-addresses.ts';

export const networkResponseFields: ResponseFields = {
  id: field.string('The id of the network'),
  name: field.string('The name of the network'),
  displaytext: field.string('The display text of the network'),
  broadcastdomaintype: field.string('Broadcast domain type of the network'),
  traffictype: field.string('The traffic type of the network'),
  gateway: field.string('The address of the router in the network'),
  netmask: field.string("The network's netmask"),
  cidr: field.string("The network's CIDR, or the part of it that instances get addresses of"),
  networkcidr: field.string("The network's whole CIDR, where instances get addresses of a part of it"),
  reservediprange: field.string('What of it no instance gets'),
  ...networkIpFields,
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  networkofferingid: field.string('The id of the network offering'),
  networkofferingname: field.string('The name of the network offering'),
  networkofferingdisplaytext: field.string('The display text of the network offering'),
  networkofferingconservemode: field.boolean('True: an address may serve several services'),
  networkofferingavailability: field.string('Availability of the network offering'),
  issystem: field.boolean('True: the network is for system use'),
  state: field.string('Allocated, Implementing, Implemented, Shutdown or Destroy'),
  related: field.string('The id of the network that this one belongs to: itself'),
  broadcasturi: field.string('Broadcast URI of the network, for root admins'),
  vlan: field.string('The VNI of the network, for root admins'),
  dns1: field.string('The first DNS server that the router forwards to'),
  dns2: field.string('The second DNS server that the router forwards to'),
  extradhcpoption: networkDhcpOptionField,
  type: field.string('The guest type of the network: Isolated'),
  acltype: field.string('Who may use it: Account'),
  ...ownerResponseFields,
  isdefault: field.boolean('True: the network is the default of its zone'),
  service: field.list('The services of the network', {
    name: field.string('The name of the service'),
    provider: field.list('Its providers', { name: field.string('The name of the provider') }),
    capability: field.list('Its capabilities', {
      name: field.string('The name of the capability'),
      value: field.string('Its value'),
      canchooseservicecapability: field.boolean('True: an offering may choose it'),
    }),
  }),
  networkdomain: field.string('The DNS domain of the network'),
  physicalnetworkid: field.string('The id of the physical network'),
  restartrequired: field.boolean('True: a change waits for a restart of the network'),
  specifyvlan: field.boolean('True: the offering lets the caller choose the VLAN'),
  specifyipranges: field.boolean('True: the offering lets the caller choose IP ranges'),
  canusefordeploy: field.boolean('True: instances may be deployed in it'),
  ispersistent: field.boolean('True: the network lives without instances too'),
  tags: field.list('The tags of the network'),
  displaynetwork: field.boolean('True: the network is shown to its users'),
  strechedl2subnet: field.boolean('True: the network spans zones'),
  redundantrouter: field.boolean('True: the network has redundant routers'),
  supportsvmautoscaling: field.boolean('True: the network supports autoscaling'),
  created: field.date('When the network was created'),
  egressdefaultpolicy: field.string('Allow or Deny: what egress does where no rule matches'),
  publicmtu: field.integer("MTU of the router's public side"),
  privatemtu: field.integer("MTU of the network, and of the router's guest side"),
  hasannotations: field.boolean('True: the network has annotations'),
};

interface PresentContext {
  readonly db: Db;
  readonly caller: Caller;
}

/** Networks as the API shows them. */
export async function presentNetworks(
  { db, caller }: PresentContext,
  rows: readonly EntityRow<'network'>[],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const zones = await rowsById(
    db,
    'zone',
    rows.map((row) => row.zone_id),
  );
  const offerings = await rowsById(
    db,
    'network_offering',
    rows.map((row) => row.network_offering_id),
  );
  const routers = await uplinkAddresses(db, rows);
  const options = await dhcpOptionsByNetwork(
    db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => {
    const zone = zones.get(row.zone_id);
    const offering = offerings.get(row.network_offering_id);
    const vni = caller.role === 'Admin' && row.vni !== null ? row.vni : undefined;
    return {
      id: row.id,
      name: row.name,
      displaytext: row.display_text,
      broadcastdomaintype: 'Vxlan',
      traffictype: 'Guest',
      gateway: row.gateway,
      netmask: netmaskOf(prefixLengthOf(row.cidr)),
      ...cidrFields(row),
      ...(offering && ipFields(row, { zone, offering, router: routers.get(row.id) })),
      zoneid: row.zone_id,
      zonename: zone?.name,
      ...(offering && offeringFields(offering)),
      issystem: false,
      state: row.state,
      related: row.id,
      broadcasturi: vni && `vxlan://${vni}`,
      vlan: vni && String(vni),
      dns1: row.dns1 ?? zone?.dns1,
      dns2: row.dns1 === null ? zone?.dns2 : row.dns2,
      extradhcpoption: options.get(row.id) ?? [],
      acltype: 'Account',
      ...owner(row),
      isdefault: false,
      networkdomain: row.network_domain,
      physicalnetworkid: row.physical_network_id,
      restartrequired: row.restart_required,
      canusefordeploy: row.state !== 'Destroy',
      tags: [],
      displaynetwork: row.display_network,
      strechedl2subnet: false,
      redundantrouter: false,
      supportsvmautoscaling: false,
      created: row.created,
      publicmtu: row.public_mtu,
      privatemtu: row.private_mtu,
      hasannotations: false,
    };
  });
}

function offeringFields(offering: EntityRow<'network_offering'>): ResponseObject {
  return {
    networkofferingid: offering.id,
    networkofferingname: offering.name,
    networkofferingdisplaytext: offering.display_text,
    networkofferingconservemode: offering.conserve_mode,
    networkofferingavailability: offering.availability,
    type: offering.guest_ip_type,
    service: presentServices(offering.services),
    specifyvlan: offering.specify_vlan,
    specifyipranges: offering.specify_ip_ranges,
    ispersistent: offering.is_persistent,
    egressdefaultpolicy: offering.egress_default_allow ? 'Allow' : 'Deny',
  };
}

/** One network by id as the API shows it; empty where it is gone. */
export async function presentNetwork(context: PresentContext, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('network').selectAll().where('id', '=', id).execute();
  return (await presentNetworks(context, rows))[0] ?? {};
}
