// Bad calls about offerings, and about dual-stack and routed networks and their rules.
import type { ApiValues } from '@isthmus/api-client';
import { type AddressRow, type AddressSubjects, addressRow as row } from './address-row.ts';
import { zoneRows } from './zone-address-rows.ts';

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
