// A NIC as responses show it, within an instance, a router or by itself.
import { eui64Address, netmaskOf, prefixLengthOf } from '@isthmus/net';
import type { Caller, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { field } from '../response-field.ts';

export const nicResponseFields: ResponseFields = {
  id: field.string('The id of the NIC'),
  networkid: field.string('The id of the network'),
  networkname: field.string('The name of the network'),
  netmask: field.string("The network's netmask"),
  gateway: field.string("The network's gateway"),
  ipaddress: field.string('The address of the NIC'),
  ip6address: field.string('Its IPv6 address in a dual-stack network, of its MAC address'),
  ip6cidr: field.string("The network's IPv6 network"),
  ip6gateway: field.string("The network's IPv6 gateway"),
  broadcasturi: field.string('Broadcast URI of the network, for root admins'),
  isolationuri: field.string('Isolation URI of the network, for root admins'),
  traffictype: field.string('The traffic type of the network'),
  type: field.string('The guest type of the network'),
  isdefault: field.boolean("True: the instance's default NIC"),
  macaddress: field.string('The MAC address of the NIC'),
  secondaryip: field.list('Further addresses of the NIC'),
  extradhcpoption: field.list('Further DHCP options of the NIC'),
  deviceid: field.string('The number of the NIC in its instance'),
  virtualmachineid: field.string('The id of the instance'),
  mtu: field.integer('The MTU of the NIC'),
  publicip: field.string('The public IP address of its static NAT'),
  publicipid: field.string('The id of the public IP address of its static NAT'),
};

/** A NIC as the API shows it. `publicAddress` is that of its static NAT. */
export function presentNic(
  caller: Caller,
  nic: EntityRow<'nic'>,
  network: EntityRow<'network'> | undefined,
  publicAddress: { readonly id: string; readonly address: string } | undefined,
  secondary: readonly EntityRow<'nic_secondary_address'>[],
): ResponseObject {
  const uri =
    caller.role === 'Admin' && network !== undefined && network.vni !== null ? `vxlan://${network.vni}` : undefined;
  return {
    id: nic.id,
    networkid: nic.network_id,
    ...(network && {
      networkname: network.name,
      netmask: netmaskOf(prefixLengthOf(network.cidr)),
      gateway: network.gateway,
      mtu: network.private_mtu,
    }),
    ...(network?.ip6_cidr && {
      ip6address: eui64Address(network.ip6_cidr, nic.mac_address),
      ip6cidr: network.ip6_cidr,
      ip6gateway: network.ip6_gateway ?? undefined,
    }),
    ipaddress: nic.address,
    broadcasturi: uri,
    isolationuri: uri,
    traffictype: 'Guest',
    type: 'Isolated',
    isdefault: nic.is_default,
    macaddress: nic.mac_address,
    secondaryip: secondary.map(({ id, address }) => ({ id, ipaddress: address })),
    extradhcpoption: [],
    deviceid: String(nic.device_id),
    virtualmachineid: nic.virtual_machine_id,
    publicip: publicAddress?.address,
    publicipid: publicAddress?.id,
  };
}
