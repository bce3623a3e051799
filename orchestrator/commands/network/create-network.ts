import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { insertNetwork } from './create.ts';
import { networkDhcpOptionsParameter, setNetworkDhcpOptions } from './dhcp-options.ts';
import { networkResponseFields, presentNetwork } from './response.ts';

/** The MTU that documents take. */
const mtu = p.integer(576, 9216);
const ipv6Range = 'guests of an isolated network choose their own addresses in its /64';

export const createNetwork = syncCommand({
  name: 'createNetwork',
  description: 'Creates an isolated network. Its router comes with its first instance.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('The name of the network'),
    displaytext: p.text.optional('The display text of the network; by default its name'),
    networkofferingid: p.entity('network_offering').required('The network offering: of guest type Isolated, enabled'),
    zoneid: p.entity('zone').required('The zone of the network'),
    gateway: p.ipv4.optional("The router's address in the network; by default the first of the zone's guest CIDR"),
    netmask: p.ipv4.optional('The netmask; needed with gateway'),
    startip: p.ipv4.optional('The first address that instances may get'),
    endip: p.ipv4.optional('The last address that instances may get; by default startip'),
    networkdomain: p.fqdn.optional("The DNS domain; by default the account's, the domain's or the zone's"),
    account: p.text.optional('The account that owns it; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The owner's domain"),
    physicalnetworkid: p.entity('physical_network').optional('The physical network', { roles: ['Admin'] }),
    acltype: p.oneOf('Account').optional('Who may use it: isolated networks are for one Account'),
    displaynetwork: p.boolean.optional('False: not shown to its users', { roles: ['Admin'] }),
    publicmtu: mtu.optional("MTU of the router's public side"),
    privatemtu: mtu.optional('MTU of the network'),
    dns1: p.ipv4.optional("The first DNS server to forward to; by default the zone's"),
    dns2: p.ipv4.optional('The second DNS server to forward to'),
    dhcpoptions: networkDhcpOptionsParameter,
    sourcenatipaddress: p.ipv4.optional('The public address to use for source NAT'),
    projectid: unservedParameter('there are no projects', 'uuid'),
    vpcid: unservedParameter('there are no VPCs', 'uuid'),
    aclid: unservedParameter('ACLs belong to the tiers of a VPC', 'uuid'),
    associatednetworkid: unservedParameter('it belongs to shared networks', 'uuid'),
    isolatedpvlan: unservedParameter('there are no private VLANs'),
    vlan: unservedParameter('the segment of an isolated network is chosen by the zone'),
    subdomainaccess: unservedFlag('isolated networks are for one account'),
    cidrsize: p.integer(9, 30).optional("Of a routed network: the prefix length of its CIDR, cut out of the zone's"),
    ip6cidr: p.ipv6Cidr.optional("Of a dual-stack network: its /64, of a prefix of the zone's; by default a free one"),
    ip6gateway: p.ipv6.optional("The router's address in it; by default its first"),
    ip6dns1: p.ipv6.optional("The first IPv6 DNS server, where the router is none; by default the zone's"),
    ip6dns2: p.ipv6.optional('The second IPv6 DNS server'),
    startipv6: unservedParameter(ipv6Range),
    endipv6: unservedParameter(ipv6Range),
    asnumber: unservedParameter('there is no dynamic routing', 'long'),
  },
  responseKey: 'network',
  responseFields: networkResponseFields,
  handler: async (context, parameters) => {
    const { name, zoneid: zone, networkofferingid: offering } = parameters;
    const owner = await context.owner(parameters);
    const row = await insertNetwork(context, {
      name,
      displayText: parameters.displaytext ?? name,
      zone,
      offering,
      owner,
      gateway: parameters.gateway,
      netmask: parameters.netmask,
      startip: parameters.startip,
      endip: parameters.endip,
      physicalNetworkId: parameters.physicalnetworkid?.id,
      networkDomain: parameters.networkdomain,
      displayNetwork: parameters.displaynetwork,
      publicMtu: parameters.publicmtu,
      privateMtu: parameters.privatemtu,
      dns1: parameters.dns1,
      dns2: parameters.dns2,
      sourceNatAddress: parameters.sourcenatipaddress,
      cidrSize: parameters.cidrsize,
      ip6Cidr: parameters.ip6cidr,
      ip6Gateway: parameters.ip6gateway,
      ip6Dns1: parameters.ip6dns1,
      ip6Dns2: parameters.ip6dns2,
    });
    await setNetworkDhcpOptions(context.db, row.id, parameters.dhcpoptions ?? []);
    await context.event('NETWORK.CREATE', `Created network ${row.name}`, { type: 'Network', id: row.id, owner });
    return presentNetwork(context, row.id);
  },
  // A persistent network has its router from the start; without one it is not made.
  afterCommit: async ({ orchestration }, parameters, answer) => {
    if (!parameters.networkofferingid.is_persistent) return;
    const id = String(answer.id);
    try {
      await orchestration.implementNetwork(id);
    } catch (error) {
      await orchestration.deleteNetwork(id);
      throw error;
    }
  },
});
