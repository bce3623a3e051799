// Reads the rows that entries and settings are compiled from.
import type { CollectionName, RouterSettings } from '@isthmus/contract';
import { prefixLengthOfNetmask } from '@isthmus/net';
import { sql } from 'kysely';
import {
  compileEgressRule,
  compileIngressRule,
  compileNic,
  compilePortForward,
  compilePublicAddress,
  compileStaticNat,
} from '../compile/entries.ts';
import { compileSettings } from '../compile/settings.ts';
import type { Db, Trx } from '../store/database.ts';

/** Entries by id; null where the row is wanted gone. Ids without a row are absent. */
type Entries = Map<string, unknown>;

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
      'network_offering.egress_default_allow',
      'zone.dns1 as zone_dns1',
      'zone.dns2 as zone_dns2',
    ])
    .where('network.id', '=', networkId)
    .executeTakeFirstOrThrow();
  const router = await trx.selectFrom('router').selectAll().where('id', '=', routerId).executeTakeFirstOrThrow();
  const sourceNat = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select(['public_ip_address.address', 'vlan_ip_range.netmask', 'vlan_ip_range.gateway'])
    .where('public_ip_address.network_id', '=', networkId)
    .where('public_ip_address.is_source_nat', '=', true)
    .executeTakeFirst();
  return compileSettings({
    router: { name: router.name, guestMac: router.guest_mac_address, publicMac: router.public_mac_address },
    network: {
      cidr: network.cidr,
      gateway: network.gateway,
      domain: network.network_domain,
      privateMtu: Math.min(network.private_mtu, (await tunnelMtu(trx, network.zone_id)) ?? network.private_mtu),
      publicMtu: network.public_mtu,
      dns: [network.dns1, network.dns2].filter((address) => address !== null),
      egressDefaultAllow: network.egress_default_allow,
    },
    zoneDns: [network.zone_dns1, network.zone_dns2].filter((address) => address !== null),
    sourceNat:
      sourceNat === undefined
        ? null
        : {
            address: sourceNat.address,
            gateway: sourceNat.gateway,
            prefixLength: prefixLengthOfNetmask(sourceNat.netmask),
          },
  });
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

/** Entries of one collection of a network: of these ids, or with null of all rows. */
export async function loadEntries(
  trx: Trx,
  networkId: string,
  collection: CollectionName,
  ids: readonly string[] | null,
): Promise<Entries> {
  switch (collection) {
    case 'firewall.ingress':
      return firewallRules(trx, networkId, 'Ingress', ids);
    case 'firewall.egress':
      return firewallRules(trx, networkId, 'Egress', ids);
    case 'nat.portForwards':
      return portForwards(trx, networkId, ids);
    case 'nat.staticNats':
    case 'routing.publicAddresses':
      return publicAddresses(trx, networkId, collection, ids);
    case 'dhcp.hosts':
    case 'dns.records':
      return nics(trx, networkId, collection, ids);
  }
}

function among(column: string, ids: readonly string[] | null) {
  return ids === null ? sql<boolean>`true` : sql<boolean>`${sql.ref(column)} = any(${ids}::uuid[])`;
}

async function firewallRules(
  trx: Trx,
  networkId: string,
  trafficType: 'Ingress' | 'Egress',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('firewall_rule')
    .leftJoin('public_ip_address', 'public_ip_address.id', 'firewall_rule.public_ip_address_id')
    .selectAll('firewall_rule')
    .select('public_ip_address.address')
    .where('firewall_rule.network_id', '=', networkId)
    .where('firewall_rule.traffic_type', '=', trafficType)
    .where(among('firewall_rule.id', ids))
    .execute();
  return new Map<string, unknown>(
    rows.map((row) => {
      const rule = {
        protocol: row.protocol,
        startPort: row.start_port,
        endPort: row.end_port,
        icmpType: row.icmp_type,
        icmpCode: row.icmp_code,
        cidrList: row.cidr_list,
        destinationCidrList: row.dest_cidr_list,
        state: row.state,
      };
      if (row.address === null) return [row.id, compileEgressRule(rule)];
      return [row.id, compileIngressRule(rule, row.address)];
    }),
  );
}

async function portForwards(trx: Trx, networkId: string, ids: readonly string[] | null): Promise<Entries> {
  const rows = await trx
    .selectFrom('port_forwarding_rule')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'port_forwarding_rule.public_ip_address_id')
    .innerJoin('nic', 'nic.id', 'port_forwarding_rule.nic_id')
    .selectAll('port_forwarding_rule')
    .select(['public_ip_address.address as public_address', 'nic.address as private_address'])
    .where('port_forwarding_rule.network_id', '=', networkId)
    .where(among('port_forwarding_rule.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compilePortForward({
        publicAddress: row.public_address,
        privateAddress: row.private_address,
        protocol: row.protocol,
        publicPorts: [row.public_start_port, row.public_end_port],
        privatePorts: [row.private_start_port, row.private_end_port],
        state: row.state,
      }),
    ]),
  );
}

async function publicAddresses(
  trx: Trx,
  networkId: string,
  collection: 'nat.staticNats' | 'routing.publicAddresses',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .leftJoin('nic', 'nic.id', 'public_ip_address.static_nat_nic_id')
    .select([
      'public_ip_address.id',
      'public_ip_address.address',
      'public_ip_address.is_source_nat',
      'public_ip_address.state',
      'public_ip_address.static_nat_state',
      'vlan_ip_range.netmask',
      'nic.address as private_address',
    ])
    .where('public_ip_address.network_id', '=', networkId)
    .where(among('public_ip_address.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      collection === 'nat.staticNats'
        ? compileStaticNat({
            publicAddress: row.address,
            privateAddress: row.private_address,
            state: row.static_nat_state,
          })
        : compilePublicAddress({
            address: row.address,
            prefixLength: prefixLengthOfNetmask(row.netmask),
            isSourceNat: row.is_source_nat,
            state: row.state,
          }),
    ]),
  );
}

async function nics(
  trx: Trx,
  networkId: string,
  collection: 'dhcp.hosts' | 'dns.records',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .select(['nic.id', 'nic.address', 'nic.mac_address', 'virtual_machine.name'])
    .where('nic.network_id', '=', networkId)
    .where(among('nic.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compileNic({ address: row.address, macAddress: row.mac_address, hostname: row.name })[collection],
    ]),
  );
}
