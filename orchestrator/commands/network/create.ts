// Makes the row of a network: what createNetwork does, and deployVirtualMachine for an account without any.
import { randomUUID } from 'node:crypto';
import type { Fqdn, Ipv4Address, Ipv6Address } from '@isthmus/net';
import { sql } from 'kysely';
import type { GuestCidrRequest } from '../../model/guest-cidr.ts';
import { defaultNetworkDomain } from '../../model/network-domain.ts';
import { allocatePublicAddress } from '../../store/public-address.ts';
import type { CommandContext, Owner } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { checkOffered } from '../network-offering/availability.ts';
import { type AddressWishes, networkAddresses } from './addresses.ts';

/** A network as its caller wants it. */
export interface NewNetwork extends Omit<GuestCidrRequest, 'zoneGuestCidr' | 'publicRanges'>, AddressWishes {
  readonly name: string;
  readonly displayText: string;
  readonly zone: EntityRow<'zone'>;
  readonly offering: EntityRow<'network_offering'>;
  readonly owner: Owner;
  readonly physicalNetworkId?: string | undefined;
  readonly networkDomain?: Fqdn | undefined;
  readonly displayNetwork?: boolean | undefined;
  readonly publicMtu?: number | undefined;
  readonly privateMtu?: number | undefined;
  readonly dns1?: Ipv4Address | undefined;
  readonly dns2?: Ipv4Address | undefined;
  /** The address that becomes its source NAT address; without it one is taken when the network is implemented. */
  readonly sourceNatAddress?: Ipv4Address | undefined;
  readonly ip6Dns1?: Ipv6Address | undefined;
  readonly ip6Dns2?: Ipv6Address | undefined;
}

/** Checks everything and inserts the network in state Allocated. Throws 431, 531, 533. */
export async function insertNetwork(context: CommandContext, wanted: NewNetwork): Promise<EntityRow<'network'>> {
  const { db } = context;
  const { zone, offering, owner } = wanted;
  checkOffering(offering);
  await checkOffered(db, offering, { zoneId: zone.id, domainId: owner.domainId });
  if (zone.allocation_state === 'Disabled' && context.caller.role !== 'Admin') {
    throw new ApiError('account', `Zone ${zone.name} is disabled: expected a zone in allocation state Enabled`);
  }
  if (wanted.dns1 === undefined && wanted.dns2 !== undefined) {
    throw parameterError('dns2', wanted.dns2, 'parameter dns1 beside it');
  }
  if (wanted.ip6Dns1 === undefined && wanted.ip6Dns2 !== undefined) {
    throw parameterError('ip6dns2', wanted.ip6Dns2, 'parameter ip6dns1 beside it');
  }
  const id = randomUUID();
  const addresses = await networkAddresses(db, id, wanted, () => publicRanges(context, zone.id));
  const row = await db
    .insertInto('network')
    .values({
      id,
      name: wanted.name,
      display_text: wanted.displayText,
      zone_id: zone.id,
      physical_network_id: await guestPhysicalNetwork(context, zone, wanted.physicalNetworkId),
      network_offering_id: offering.id,
      account_id: owner.accountId,
      domain_id: owner.domainId,
      ...addresses,
      ip6_dns1: wanted.ip6Dns1 ?? null,
      ip6_dns2: wanted.ip6Dns2 ?? null,
      network_domain: wanted.networkDomain ?? (await inheritedDomain(context, zone, owner)),
      dns1: wanted.dns1 ?? null,
      dns2: wanted.dns2 ?? null,
      ...(wanted.publicMtu !== undefined && { public_mtu: wanted.publicMtu }),
      ...(wanted.privateMtu !== undefined && { private_mtu: wanted.privateMtu }),
      ...(wanted.displayNetwork !== undefined && { display_network: wanted.displayNetwork }),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  if (wanted.sourceNatAddress !== undefined) await takeSourceNatAddress(context, wanted, row.id);
  return row;
}

function checkOffering(offering: EntityRow<'network_offering'>): void {
  const refuse = (expected: string) => parameterError('networkofferingid', offering.id, expected);
  if (offering.state !== 'Enabled') throw refuse(`an enabled network offering; ${offering.name} is ${offering.state}`);
  if (offering.for_vpc) throw refuse(`a network offering outside of VPCs; ${offering.name} is for the tiers of a VPC`);
  if (offering.guest_ip_type !== 'Isolated') {
    throw refuse(`an offering of guest type Isolated; ${offering.name} is ${offering.guest_ip_type}`);
  }
}

async function takeSourceNatAddress(context: CommandContext, wanted: NewNetwork, networkId: string): Promise<void> {
  if (wanted.offering.services.SourceNat === undefined) {
    throw parameterError('sourcenatipaddress', wanted.sourceNatAddress, 'an offering with the service SourceNat');
  }
  const { accountId, domainId } = wanted.owner;
  await allocatePublicAddress(context.db, {
    zoneId: wanted.zone.id,
    accountId,
    domainId,
    networkId,
    isSourceNat: true,
    address: wanted.sourceNatAddress,
    parameter: 'sourcenatipaddress',
    withIpv6: wanted.offering.internet_protocol === 'DualStack',
  });
}

async function publicRanges({ db }: CommandContext, zoneId: string) {
  const ranges = await db
    .selectFrom('vlan_ip_range')
    .select(['start_ip as first', 'end_ip as last'])
    .where('zone_id', '=', zoneId)
    .execute();
  return ranges;
}

/** The physical network that carries guest traffic in the zone. */
async function guestPhysicalNetwork({ db }: CommandContext, zone: EntityRow<'zone'>, wanted: string | undefined) {
  const found = await db
    .selectFrom('physical_network')
    .innerJoin('traffic_type', 'traffic_type.physical_network_id', 'physical_network.id')
    .select('physical_network.id')
    .where('physical_network.zone_id', '=', zone.id)
    .where('physical_network.state', '=', 'Enabled')
    .where('traffic_type.traffic_type', '=', 'Guest')
    .orderBy('physical_network.created')
    .execute();
  const chosen = wanted === undefined ? found[0] : found.find(({ id }) => id === wanted);
  if (chosen !== undefined) return chosen.id;
  const expected = `an enabled physical network of zone ${zone.name} with traffic type Guest`;
  if (wanted !== undefined) throw parameterError('physicalnetworkid', wanted, expected);
  throw parameterError('zoneid', zone.id, `a zone with ${expected}`);
}

/** The account's domain name for its networks, else its domain's or the next one above, else the zone's. */
async function inheritedDomain({ db }: CommandContext, zone: EntityRow<'zone'>, owner: Owner): Promise<Fqdn> {
  const account = await db
    .selectFrom('account')
    .select('network_domain')
    .where('id', '=', owner.accountId)
    .executeTakeFirst();
  if (account?.network_domain) return account.network_domain;
  const { rows } = await sql<{ network_domain: Fqdn }>`
    select above.network_domain from domain own join domain above on starts_with(own.path, above.path)
    where own.id = ${owner.domainId} and above.network_domain is not null order by above.level desc limit 1`.execute(
    db,
  );
  return rows[0]?.network_domain ?? zone.network_domain ?? defaultNetworkDomain(owner.accountId);
}
