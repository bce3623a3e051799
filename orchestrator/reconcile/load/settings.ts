// Reads the rows behind a router's settings.
import type { RouterSettings } from '@isthmus/contract';
import { prefixLengthOfNetmask } from '@isthmus/net';
import { compileSettings } from '../../compile/settings.ts';
import { useExternalDns } from '../../model/dns-settings.ts';
import type { Db, Trx } from '../../store/database.ts';
import { networkDhcpOptions } from './dhcp-options.ts';
import { loadHealthChecks } from './health-checks.ts';
import { ipv6Input } from './ipv6.ts';

/** The settings of a network's router. Throws where the network or the router is gone. */
export async function loadSettings(trx: Trx, networkId: string, routerId: string): Promise<RouterSettings> {
  const network = await trx
    .selectFrom('network')
    .innerJoin('zone', 'zone.id', 'network.zone_id')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select([
      'network.cidr',
      'network.zone_id',
      'network.gateway',
      'network.network_domain',
      'network.private_mtu',
      'network.public_mtu',
      'network.dns1',
      'network.dns2',
      'network.ip6_cidr',
      'network.ip6_gateway',
      'network.ip6_public_address',
      'network.ip6_dns1',
      'network.ip6_dns2',
      'network_offering.egress_default_allow',
      'network_offering.services',
      'network_offering.network_mode',
      'network_offering.internet_protocol',
      'network_offering.max_connections',
      'zone.ip6_dns1 as zone_ip6_dns1',
      'zone.ip6_dns2 as zone_ip6_dns2',
      'zone.dns1 as zone_dns1',
      'zone.dns2 as zone_dns2',
    ])
    .where('network.id', '=', networkId)
    .executeTakeFirstOrThrow();
  const router = await trx.selectFrom('router').selectAll().where('id', '=', routerId).executeTakeFirstOrThrow();
  // A router that was made without a public NIC serves without a way out until another takes its place.
  const range = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select([
      'public_ip_address.address',
      'vlan_ip_range.netmask',
      'vlan_ip_range.gateway',
      'vlan_ip_range.ip6_cidr',
      'vlan_ip_range.ip6_gateway',
    ])
    .where('public_ip_address.network_id', '=', networkId)
    .where('public_ip_address.is_source_nat', '=', true)
    .executeTakeFirst();
  const uplink = router.has_public_nic ? range : undefined;
  return compileSettings({
    healthChecks: await loadHealthChecks(trx),
    router: { name: router.name, guestMac: router.guest_mac_address, publicMac: router.public_mac_address },
    network: {
      cidr: network.cidr,
      gateway: network.gateway,
      domain: network.network_domain,
      privateMtu: Math.min(network.private_mtu, (await tunnelMtu(trx, network.zone_id)) ?? network.private_mtu),
      publicMtu: network.public_mtu,
      dns: [network.dns1, network.dns2].filter((address) => address !== null),
      useExternalDns: await isExternalDns(trx),
      dhcpOptions: await networkDhcpOptions(trx, networkId),
      egressDefaultAllow: network.egress_default_allow,
      services: new Set(Object.keys(network.services)),
      isRouted: network.network_mode === 'ROUTED',
      maxConnections: network.max_connections,
    },
    zoneDns: [network.zone_dns1, network.zone_dns2].filter((address) => address !== null),
    uplink: uplink === undefined ? null : { ...uplink, prefixLength: prefixLengthOfNetmask(uplink.netmask) },
    ipv6: ipv6Input(network, uplink),
  });
}

/** Setting `use.external.dns`. */
async function isExternalDns(trx: Trx): Promise<boolean> {
  const row = await trx
    .selectFrom('configuration')
    .select('value')
    .where('name', '=', useExternalDns)
    .executeTakeFirst();
  return row?.value?.toLowerCase() === 'true';
}

/** The largest MTU that every guest segment of a zone has across its tunnels; null where it has none, or none is known. */
export async function tunnelMtu(db: Db | Trx, zoneId: string): Promise<number | null> {
  const row = await db
    .selectFrom('host')
    .select(({ fn }) => fn.min('guest_mtu').as('mtu'))
    .where('zone_id', '=', zoneId)
    .where('tunnel_address', 'is not', null)
    .executeTakeFirst();
  return row?.mtu ?? null;
}
