// Bad calls about the IPv6 prefixes and IPv4 subnets of zones, and their public IPv6 networks.
import type { ApiValues } from '@isthmus/api-client';
import { type AddressRow, type AddressSubjects, addressRow as row } from './address-row.ts';

const prefix = 'createGuestNetworkIpv6Prefix';
const zoneSubnet = 'createIpv4SubnetForZone';
const range = 'updateVlanIpRange';
const zone = ({ world }: AddressSubjects, values: ApiValues): ApiValues => ({ zoneid: world.zoneId, ...values });
const vlan = ({ world }: AddressSubjects, values: ApiValues): ApiValues => ({
  id: world.common.vlan_ip_range ?? '',
  ...values,
});
/** Every row. */
export const zoneRows: readonly AddressRow[] = [
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
