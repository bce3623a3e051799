// Takes a public address out of a zone's ranges. The only place that does, so that no address is ever given twice.
import type { Ipv4Address } from '@isthmus/net';
import { type Selectable, sql } from 'kysely';
import { ApiError, parameterError } from '../model/api-error.ts';
import type { Trx } from './database.ts';
import type { PublicIpAddressTable } from './schema.ts';

/** Who takes an address, for what. `address`: that one and no other. */
export interface PublicAddressRequest {
  readonly zoneId: string;
  readonly accountId: string;
  readonly domainId: string;
  readonly networkId: string;
  /** The address of the router's public NIC: its source NAT address, where it does any. */
  readonly isSourceNat: boolean;
  /** True: of a range that has IPv6 too. */
  readonly withIpv6?: boolean;
  readonly address?: Ipv4Address | undefined;
  /** The parameter that names `address`; `ipaddress` by default. */
  readonly parameter?: string;
}

/**
 * Allocates an address to a network: the one asked for, else the lowest free one; an account's or domain's own ranges
 * come before everybody's. Throws 431 where the asked address is in no range of the zone, 533 where it is taken or none
 * is free. Concurrent calls never get the same one: the row is locked until the transaction ends.
 */
export async function allocatePublicAddress(
  trx: Trx,
  request: PublicAddressRequest,
): Promise<Selectable<PublicIpAddressTable>> {
  if (request.address !== undefined) await mustBeInRange(trx, request.zoneId, request.address, request.parameter);
  // Rows that others are taking are passed over; only where nothing else is left does the second try wait for them.
  const id = (await lockFreeAddress(trx, request, true)) ?? (await lockFreeAddress(trx, request, false));
  if (id === undefined) {
    throw new ApiError(
      'insufficientCapacity',
      request.address === undefined
        ? `No public IP address is free in the zone${request.withIpv6 === true ? ', in a range with IPv6 (ip6cidr)' : ''}`
        : `The public IP address ${request.address} is in use: expected a free address of the zone`,
    );
  }
  return trx
    .updateTable('public_ip_address')
    .set({
      state: 'Allocated',
      account_id: request.accountId,
      domain_id: request.domainId,
      network_id: request.networkId,
      is_source_nat: request.isSourceNat,
      static_nat_nic_id: null,
      static_nat_state: null,
      allocated: new Date(),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Allocates the lowest free address of everybody's ranges of a zone to the system itself. Throws 533. */
export async function allocateSystemAddress(trx: Trx, zoneId: string): Promise<Selectable<PublicIpAddressTable>> {
  const row = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select('public_ip_address.id')
    .where('public_ip_address.zone_id', '=', zoneId)
    .where('public_ip_address.state', '=', 'Free')
    .where('vlan_ip_range.account_id', 'is', null)
    .where('vlan_ip_range.domain_id', 'is', null)
    .orderBy('public_ip_address.address_number')
    .limit(1)
    .forUpdate('public_ip_address')
    .skipLocked()
    .executeTakeFirst();
  if (row === undefined) {
    throw new ApiError('insufficientCapacity', 'No public IP address of the zone is free for a system VM');
  }
  return trx
    .updateTable('public_ip_address')
    .set({ state: 'Allocated', allocated: new Date() })
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Free; or reserved for the account that asks for it by its address. */
function stateFor({ address, accountId }: PublicAddressRequest) {
  if (address === undefined) return sql`address.state = 'Free'`;
  return sql`(address.state = 'Free' or address.state = 'Reserved' and address.account_id = ${accountId}::uuid)`;
}

async function lockFreeAddress(
  trx: Trx,
  request: PublicAddressRequest,
  skipLocked: boolean,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select address.id from public_ip_address address
      join vlan_ip_range range on range.id = address.vlan_ip_range_id
      left join domain dedicated on dedicated.id = range.domain_id
      join domain owner on owner.id = ${request.domainId}::uuid
    where address.zone_id = ${request.zoneId}::uuid and ${stateFor(request)}
      and (range.account_id is null or range.account_id = ${request.accountId}::uuid)
      and (dedicated.id is null or range.account_id is not null or starts_with(owner.path, dedicated.path))
      ${request.address === undefined ? sql`` : sql`and address.address = ${request.address}`}
      ${request.withIpv6 === true ? sql`and range.ip6_cidr is not null` : sql``}
    order by range.account_id is null, dedicated.id is null, address.address_number
    limit 1 for update of address ${skipLocked ? sql`skip locked` : sql``}`.execute(trx);
  return rows[0]?.id;
}

async function mustBeInRange(trx: Trx, zoneId: string, address: Ipv4Address, parameter = 'ipaddress'): Promise<void> {
  const row = await trx
    .selectFrom('public_ip_address')
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('address', '=', address)
    .executeTakeFirst();
  if (row === undefined) throw parameterError(parameter, address, "an address of the zone's public ranges");
}
