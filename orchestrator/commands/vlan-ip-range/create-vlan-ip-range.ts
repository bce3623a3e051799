import {
  cidrContains,
  cidrRange,
  cidrsOverlap,
  ipv4FromNumber,
  ipv4Network,
  ipv4ToNumber,
  rangesOverlap,
} from '@isthmus/net';
import type { Trx } from '../../store/database.ts';
import { syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { netmaskPrefixLength } from '../netmask.ts';
import { p } from '../parameter.ts';
import { publicIpv6Of } from './ipv6.ts';
import { presentVlanIpRanges, vlanIpRangeFields } from './response.ts';

/** A range is laid down address by address; a larger one is surely a mistake. */
const mostAddresses = 65_536;

/** createVlanIpRange: public addresses that networks of the zone may take. */
export const createVlanIpRange = syncCommand({
  name: 'createVlanIpRange',
  description: 'Creates a range of public addresses',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').optional('Its zone; or give physicalnetworkid'),
    physicalnetworkid: p
      .entity('physical_network')
      .optional("Its physical network; the zone's with traffic type Public by default"),
    forvirtualnetwork: p.boolean.optional('True: public addresses, the only kind there is'),
    gateway: p.ipv4.required('Its gateway'),
    netmask: p.ipv4.required('Its netmask'),
    startip: p.ipv4.required('Its first address'),
    endip: p.ipv4.optional('Its last address; the first one by default'),
    ip6gateway: p.ipv6.optional('The gateway of its IPv6 network; needed with ip6cidr'),
    ip6cidr: p.ipv6Cidr.optional(
      'The IPv6 network on its segment, of which routers of dual-stack networks get addresses',
    ),
    startipv6: p.ipv6.optional('The first of them; by default they are made of MAC addresses (EUI-64)'),
    endipv6: p.ipv6.optional('The last of them; by default startipv6'),
    vlan: p.text.optional('Its VLAN: untagged'),
    account: p.text.optional('Keeps the range for this account'),
    domainid: p.entity('domain').optional('The domain of the account; alone: keeps the range for the domain'),
  },
  responseKey: 'vlan',
  responseFields: vlanIpRangeFields,
  handler: async (context, parameters) => {
    const { db } = context;
    const { gateway, netmask, startip } = parameters;
    const endip = parameters.endip ?? startip;
    const physicalNetwork = await findPhysicalNetwork(db, parameters.physicalnetworkid, parameters.zoneid);
    const cidr = ipv4Network(gateway, netmaskPrefixLength(netmask));
    const [first, last] = [ipv4ToNumber(startip), ipv4ToNumber(endip)];
    if (!cidrContains(cidr, startip)) throw parameterError('startip', startip, `an address of ${cidr}`);
    if (!cidrContains(cidr, endip) || last < first) {
      throw parameterError('endip', endip, `an address of ${cidr}, not before startip`);
    }
    if (last - first >= mostAddresses)
      throw parameterError('endip', endip, `a range of at most ${mostAddresses} addresses`);
    const ends = cidrRange(cidr);
    if (rangesOverlap({ first: startip, last: endip }, { first: gateway, last: gateway })) {
      throw parameterError('gateway', gateway, 'an address outside startip to endip');
    }
    if (startip === ends.first || endip === ends.last) {
      throw parameterError(
        startip === ends.first ? 'startip' : 'endip',
        startip === ends.first ? startip : endip,
        `a host address of ${cidr}`,
      );
    }
    if (parameters.vlan !== undefined && !/^(vlan:\/\/)?untagged$/i.test(parameters.vlan)) {
      throw parameterError('vlan', parameters.vlan, 'untagged: name the bridge of a VLAN by kvmnetworklabel');
    }
    const ipv6 = await publicIpv6Of(db, parameters);
    await mustNotOverlap(db, physicalNetwork.zone_id, { first: startip, last: endip }, cidr);
    const owner = parameters.account === undefined ? null : await context.owner(parameters);
    const range = await db
      .insertInto('vlan_ip_range')
      .values({
        zone_id: physicalNetwork.zone_id,
        physical_network_id: physicalNetwork.id,
        vlan: 'vlan://untagged',
        gateway,
        netmask,
        start_ip: startip,
        end_ip: endip,
        ...ipv6,
        account_id: owner?.accountId ?? null,
        domain_id: owner?.domainId ?? parameters.domainid?.id ?? null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    for (let start = first; start <= last; start += 4096) {
      const numbers = Array.from({ length: Math.min(4096, last - start + 1) }, (_, offset) => start + offset);
      await db
        .insertInto('public_ip_address')
        .values(
          numbers.map((number) => ({
            address: ipv4FromNumber(number),
            address_number: number,
            vlan_ip_range_id: range.id,
            zone_id: range.zone_id,
            account_id: null,
            domain_id: null,
            network_id: null,
            static_nat_nic_id: null,
            static_nat_state: null,
            allocated: null,
          })),
        )
        .execute();
    }
    await context.event('VLAN.IP.RANGE.CREATE', `Created range ${startip}-${endip}`, {
      type: 'VlanIpRange',
      id: range.id,
    });
    return (await presentVlanIpRanges(db, [range]))[0] ?? {};
  },
});

async function findPhysicalNetwork(
  db: Trx,
  named: EntityRow<'physical_network'> | undefined,
  zone: EntityRow<'zone'> | undefined,
): Promise<EntityRow<'physical_network'>> {
  if (named !== undefined) {
    if (zone !== undefined && named.zone_id !== zone.id) {
      throw parameterError('physicalnetworkid', named.id, `a physical network of zone ${zone.name}`);
    }
    return named;
  }
  if (zone === undefined) throw parameterError('zoneid', '', 'the id of a zone, or physicalnetworkid');
  const found = await db
    .selectFrom('physical_network')
    .innerJoin('traffic_type', 'traffic_type.physical_network_id', 'physical_network.id')
    .selectAll('physical_network')
    .where('physical_network.zone_id', '=', zone.id)
    .where('traffic_type.traffic_type', '=', 'Public')
    .executeTakeFirst();
  if (found === undefined) {
    throw parameterError('zoneid', zone.id, 'a zone with a physical network that carries traffic type Public');
  }
  return found;
}

async function mustNotOverlap(
  db: Trx,
  zoneId: string,
  range: Parameters<typeof rangesOverlap>[0],
  cidr: Parameters<typeof cidrsOverlap>[0],
): Promise<void> {
  // The zone's row is the lock of its ranges.
  const zone = await db.selectFrom('zone').selectAll().where('id', '=', zoneId).forUpdate().executeTakeFirstOrThrow();
  const ranges = await db.selectFrom('vlan_ip_range').selectAll().where('zone_id', '=', zoneId).execute();
  const other = ranges.find((each) => rangesOverlap(range, { first: each.start_ip, last: each.end_ip }));
  if (other !== undefined) {
    throw parameterError(
      'startip',
      range.first,
      `a range apart from ${other.start_ip}-${other.end_ip}, which the zone has`,
    );
  }
  if (cidrsOverlap(cidr, zone.guest_cidr)) {
    throw parameterError('gateway', cidr, `a network apart from the zone's guest CIDR ${zone.guest_cidr}`);
  }
  const networks = await db.selectFrom('network').select(['name', 'cidr']).where('zone_id', '=', zoneId).execute();
  const guest = networks.find((network) => cidrsOverlap(cidr, network.cidr));
  if (guest !== undefined) {
    throw new ApiError(
      'parameter',
      `Invalid value ${cidr} of parameters gateway and netmask: expected a network apart from ${guest.cidr}, which network ${guest.name} uses`,
    );
  }
}
