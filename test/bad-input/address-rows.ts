// Bad calls about offerings, and about dual-stack and routed networks.
import type { ApiValues } from '@isthmus/api-client';
import type { CallerName, World } from './world.ts';

/** What the rows speak of: networks of the owner's by their offering, and rules of them. */
export interface AddressSubjects {
  readonly world: World;
  readonly ids: Readonly<
    Record<
      | 'plain'
      | 'dual'
      | 'routed'
      | 'plainOffering'
      | 'dualOffering'
      | 'routedOffering'
      | 'disabled'
      | 'used'
      | 'ipv6Rule',
      string
    >
  >;
}

/** One bad call. */
export interface AddressRow {
  readonly what: string;
  readonly command: string;
  readonly values: (subjects: AddressSubjects) => ApiValues;
  readonly code: number;
  readonly names: RegExp;
  readonly caller: CallerName;
}

function row(
  what: string,
  command: string,
  values: AddressRow['values'],
  names: RegExp,
  caller: CallerName = 'owner',
  code = 431,
): AddressRow {
  return { what, command, values, code, names, caller };
}

const offering = (changes: ApiValues): ApiValues => ({
  name: 'bad',
  traffictype: 'GUEST',
  guestiptype: 'Isolated',
  supportedservices: 'Dhcp,Dns,Firewall,SourceNat',
  ...changes,
});
const network = ({ world }: AddressSubjects, networkofferingid: string, changes: ApiValues = {}): ApiValues => ({
  name: 'bad',
  zoneid: world.zoneId,
  networkofferingid,
  ...changes,
});
const create = 'createNetworkOffering';
const services = /supportedservices/;

const offeringRows: readonly AddressRow[] = [
  row(
    'forwards without source NAT',
    create,
    () => offering({ supportedservices: 'Dhcp,Firewall,PortForwarding' }),
    services,
    'root',
  ),
  row(
    'a load balancer without a firewall',
    create,
    () => offering({ supportedservices: 'SourceNat,Lb' }),
    services,
    'root',
  ),
  row('NAT of a routed network', create, () => offering({ networkmode: 'ROUTED' }), services, 'root'),
  row(
    'IPv6 without DHCP',
    create,
    () => offering({ internetprotocol: 'dualstack', supportedservices: 'Firewall,SourceNat' }),
    services,
    'root',
  ),
  row(
    'IPv6 without a way out',
    create,
    () => offering({ internetprotocol: 'dualstack', supportedservices: 'Dhcp' }),
    services,
    'root',
  ),
  row(
    'a service without a name',
    create,
    () => offering({ serviceproviderlist: [{ provider: 'VirtualRouter' }] }),
    /serviceproviderlist/,
    'root',
  ),
  row(
    'a provider of a service that it lacks',
    create,
    () => offering({ serviceproviderlist: [{ service: 'Lb', provider: 'VirtualRouter' }] }),
    /serviceproviderlist/,
    'root',
  ),
  row(
    'a capability that is not there',
    create,
    () =>
      offering({ servicecapabilitylist: [{ service: 'SourceNat', capabilitytype: 'Speed', capabilityvalue: '9' }] }),
    /servicecapabilitylist/,
    'root',
  ),
  row(
    'redundant routers',
    create,
    () =>
      offering({
        servicecapabilitylist: [{ service: 'SourceNat', capabilitytype: 'RedundantRouter', capabilityvalue: 'true' }],
      }),
    /servicecapabilitylist/,
    'root',
  ),
  row(
    'an egress policy without a firewall',
    create,
    () => offering({ supportedservices: 'Dhcp', egressdefaultpolicy: true }),
    /egressdefaultpolicy/,
    'root',
  ),
  row('static routing of a network with NAT', create, () => offering({ routingmode: 'Static' }), /routingmode/, 'root'),
  row(
    'the domain of nobody',
    'updateNetworkOffering',
    ({ ids }) => ({ id: ids.disabled, domainid: 'nobody' }),
    /domainid/,
    'root',
  ),
  row(
    'an offering that networks have',
    'deleteNetworkOffering',
    ({ ids }) => ({ id: ids.used }),
    /parameter id/,
    'root',
    536,
  ),
];

const move = 'updateNetwork';
const moveRows: readonly AddressRow[] = [
  row(
    'a move to a disabled offering',
    move,
    ({ ids }) => ({ id: ids.plain, networkofferingid: ids.disabled }),
    /networkofferingid/,
  ),
  row(
    'a move to routed',
    move,
    ({ ids }) => ({ id: ids.plain, networkofferingid: ids.routedOffering }),
    /networkofferingid/,
  ),
  row(
    'a move that leaves an IPv6 rule',
    move,
    ({ ids }) => ({ id: ids.dual, networkofferingid: ids.plainOffering }),
    /networkofferingid.*IPv6 firewall rules/s,
  ),
  row(
    'a forced move by a tenant',
    move,
    ({ ids }) => ({ id: ids.dual, networkofferingid: ids.plainOffering, forced: true }),
    /networkofferingid/,
  ),
  row(
    'guests outside of the network',
    move,
    ({ ids }) => ({ id: ids.plain, guestvmcidr: '10.9.9.0/28' }),
    /guestvmcidr/,
  ),
  row('a second IPv6 resolver alone', move, ({ ids }) => ({ id: ids.dual, ip6dns2: '2001:db8::53' }), /ip6dns2/),
];

const networkRows: readonly AddressRow[] = [
  row(
    'IPv6 in a network of IPv4',
    'createNetwork',
    (s) => network(s, s.ids.plainOffering, { ip6cidr: '2001:db8:1::/64' }),
    /ip6cidr/,
  ),
  row(
    'an IPv6 network of nobody',
    'createNetwork',
    (s) => network(s, s.ids.dualOffering, { ip6cidr: '2001:db8:9::/64' }),
    /ip6cidr/,
  ),
  row(
    'half an IPv6 network',
    'createNetwork',
    (s) => network(s, s.ids.dualOffering, { ip6cidr: '2001:db8:1::/65' }),
    /ip6cidr/,
  ),
  row(
    'a gateway elsewhere',
    'createNetwork',
    (s) => network(s, s.ids.dualOffering, { ip6cidr: '2001:db8:1:77::/64', ip6gateway: '2001:db8::1' }),
    /ip6gateway/,
  ),
  row(
    'a gateway without a network',
    'createNetwork',
    (s) => network(s, s.ids.dualOffering, { ip6gateway: '2001:db8:1::1' }),
    /ip6gateway/,
  ),
  row(
    'a size of a network with NAT',
    'createNetwork',
    (s) => network(s, s.ids.plainOffering, { cidrsize: 26 }),
    /cidrsize/,
  ),
  row('a routed network of no size', 'createNetwork', (s) => network(s, s.ids.routedOffering), /cidrsize/),
  row(
    'two sizes at once',
    'createNetwork',
    (s) => network(s, s.ids.routedOffering, { cidrsize: 26, gateway: '198.18.9.1', netmask: '255.255.255.0' }),
    /cidrsize/,
  ),
  row(
    'a routed network outside of the zone',
    'createNetwork',
    (s) => network(s, s.ids.routedOffering, { gateway: '10.7.7.1', netmask: '255.255.255.0' }),
    /gateway/,
  ),
  row(
    'more addresses than there are',
    'createNetwork',
    (s) => network(s, s.ids.routedOffering, { cidrsize: 9 }),
    /cidrsize/,
    'root',
    533,
  ),
  row(
    'a further address of a routed network',
    'associateIpAddress',
    ({ ids }) => ({ networkid: ids.routed }),
    /networkid/,
  ),
];

const prefix = 'createGuestNetworkIpv6Prefix';
const zoneSubnet = 'createIpv4SubnetForZone';
const range = 'updateVlanIpRange';
const zone = ({ world }: AddressSubjects, values: ApiValues): ApiValues => ({ zoneid: world.zoneId, ...values });
const vlan = ({ world }: AddressSubjects, values: ApiValues): ApiValues => ({
  id: world.common.vlan_ip_range ?? '',
  ...values,
});
const zoneRows: readonly AddressRow[] = [
  row('a prefix too long', prefix, (s) => zone(s, { prefix: '2001:db8:2::/65' }), /prefix/, 'root'),
  row('a prefix of link-local addresses', prefix, (s) => zone(s, { prefix: 'fe80::/64' }), /prefix/, 'root'),
  row('a prefix of multicast', prefix, (s) => zone(s, { prefix: 'ff00::/16' }), /prefix/, 'root'),
  row('all of IPv6', prefix, (s) => zone(s, { prefix: '::/0' }), /prefix/, 'root'),
  row('a prefix within another', prefix, (s) => zone(s, { prefix: '2001:db8:1:8000::/50' }), /prefix/, 'root'),
  row(
    'a prefix in use',
    'deleteGuestNetworkIpv6Prefix',
    ({ world }) => ({ id: world.common.guest_network_ipv6_prefix ?? '' }),
    /parameter id/,
    'root',
    536,
  ),
  row('a subnet within another', zoneSubnet, (s) => zone(s, { subnet: '198.18.4.0/24' }), /subnet/, 'root'),
  row('a subnet over the public network', zoneSubnet, (s) => zone(s, { subnet: '203.0.113.0/24' }), /subnet/, 'root'),
  row('a subnet of one address', zoneSubnet, (s) => zone(s, { subnet: '198.19.0.1/32' }), /subnet/, 'root'),
  row(
    'a subnet in use',
    'deleteIpv4SubnetForZone',
    ({ world }) => ({ id: world.common.zone_ipv4_subnet ?? '' }),
    /parameter id/,
    'root',
    536,
  ),
  row(
    'a subnet without what was cut out',
    'updateIpv4SubnetForZone',
    ({ world }) => ({ id: world.common.zone_ipv4_subnet ?? '', subnet: '198.18.128.0/17' }),
    /parameter id/,
    'root',
    536,
  ),
  row(
    'nobody to keep it for',
    'dedicateIpv4SubnetForZone',
    ({ world }) => ({ id: world.common.zone_ipv4_subnet ?? '' }),
    /domainid/,
    'root',
  ),
  row(
    'neither subnet nor size',
    'createIpv4SubnetForGuestNetwork',
    ({ world }) => ({ parentid: world.common.zone_ipv4_subnet ?? '' }),
    /subnet/,
    'root',
  ),
  row(
    'a subnet of another',
    'createIpv4SubnetForGuestNetwork',
    ({ world }) => ({ parentid: world.common.zone_ipv4_subnet ?? '', subnet: '10.0.0.0/24' }),
    /subnet/,
    'root',
  ),
  row(
    'a public network without a gateway',
    range,
    (s) => vlan(s, { ip6cidr: '2001:db8:ff::/64' }),
    /ip6gateway/,
    'root',
  ),
  row(
    'a gateway outside of it',
    range,
    (s) => vlan(s, { ip6cidr: '2001:db8:ff::/64', ip6gateway: '2001:db8:fe::1' }),
    /ip6gateway/,
    'root',
  ),
  row('a gateway without a network', range, (s) => vlan(s, { ip6gateway: '2001:db8:fe::1' }), /ip6gateway/, 'root'),
  row(
    'addresses that end before they start',
    range,
    (s) =>
      vlan(s, {
        ip6cidr: '2001:db8:ff::/64',
        ip6gateway: '2001:db8:ff::1',
        startipv6: '2001:db8:ff::9',
        endipv6: '2001:db8:ff::8',
      }),
    /endipv6/,
    'root',
  ),
  row(
    'a public network of guests',
    range,
    (s) => vlan(s, { ip6cidr: '2001:db8:1:5::/64', ip6gateway: '2001:db8:1:5::1' }),
    /ip6cidr/,
    'root',
  ),
];

const six = 'createIpv6FirewallRule';
const four = 'createRoutingFirewallRule';
const ruleRows: readonly AddressRow[] = [
  row('an IPv6 rule of a network of IPv4', six, ({ ids }) => ({ networkid: ids.plain, protocol: 'tcp' }), /networkid/),
  row(
    'a routing rule of a network with NAT',
    four,
    ({ ids }) => ({ networkid: ids.plain, protocol: 'tcp' }),
    /networkid/,
  ),
  row(
    'an egress rule of a routed network',
    'createEgressFirewallRule',
    ({ ids }) => ({ networkid: ids.routed, protocol: 'tcp' }),
    /networkid/,
  ),
  row('ports of ICMPv6', six, ({ ids }) => ({ networkid: ids.dual, protocol: 'icmp', startport: 5 }), /startport/),
  row(
    'a range that ends before it starts',
    six,
    ({ ids }) => ({ networkid: ids.dual, protocol: 'tcp', startport: 9, endport: 8 }),
    /endport/,
  ),
  row(
    'IPv4 in an IPv6 rule',
    six,
    ({ ids }) => ({ networkid: ids.dual, protocol: 'tcp', cidrlist: '10.0.0.0/8' }),
    /cidrlist/,
  ),
  row(
    'IPv6 in a routing rule',
    four,
    ({ ids }) => ({ networkid: ids.routed, protocol: 'tcp', cidrlist: '2001:db8::/32' }),
    /cidrlist/,
  ),
  row(
    'a destination of another network',
    six,
    ({ ids }) => ({ networkid: ids.dual, protocol: 'tcp', destcidrlist: '2001:db8:7::/64' }),
    /destcidrlist/,
  ),
  row(
    'guests of another network',
    four,
    ({ ids }) => ({ networkid: ids.routed, protocol: 'tcp', traffictype: 'Egress', cidrlist: '10.9.0.0/24' }),
    /cidrlist/,
  ),
  row(
    'the same IPv6 rule again',
    six,
    ({ ids }) => ({ networkid: ids.dual, protocol: 'tcp', startport: 80 }),
    /startport/,
    'owner',
    537,
  ),
  row(
    'ports for a rule that becomes ICMP',
    'updateIpv6FirewallRule',
    ({ ids }) => ({ id: ids.ipv6Rule, protocol: 'icmp', startport: 80 }),
    /startport/,
  ),
];

/** Every row. */
export const addressRows: readonly AddressRow[] = [
  ...offeringRows,
  ...moveRows,
  ...networkRows,
  ...zoneRows,
  ...ruleRows,
];
