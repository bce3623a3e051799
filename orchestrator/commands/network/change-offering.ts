// A network's move to another offering: what has to be so before, and what is written down of it.
import { hasUplink } from '../../model/network-offering.ts';
import type { Trx } from '../../store/database.ts';
import { allocateIpv6Network, ensurePublicIpv6 } from '../../store/ipv6-network.ts';
import { touch } from '../../store/network-change.ts';
import { allocatePublicAddress } from '../../store/public-address.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { checkOffered } from '../network-offering/availability.ts';
import { hasRouter } from './lock.ts';
import { dependentsOf, revokeDependents } from './service-dependents.ts';

type Network = EntityRow<'network'>;
type Offering = EntityRow<'network_offering'>;

/**
 * Checks that the network, which the caller has locked, can move, and writes it down: offering, addresses that it needs, and
 * with `forced` the end of what depends on services that it loses. The router follows with the next push. Throws 431, 533.
 */
export async function changeOffering(
  db: Trx,
  network: Network,
  to: Offering,
  { forced }: { readonly forced: boolean },
): Promise<void> {
  const from = await db
    .selectFrom('network_offering')
    .selectAll()
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
  checkAlike(from, to);
  await checkOffered(db, to, { zoneId: network.zone_id, domainId: network.domain_id });
  await endOfLostServices(db, network, { from, to, forced });
  const isOtherProtocol = from.internet_protocol !== to.internet_protocol;
  if (isOtherProtocol) await checkNothingRuns(db, network, to);
  await db
    .updateTable('network')
    .set({
      network_offering_id: to.id,
      previous_network_offering_id: network.previous_network_offering_id ?? from.id,
      // A router of another size is another router: the next restart with cleanup makes it.
      restart_required: network.restart_required || from.service_offering_id !== to.service_offering_id,
      ...(to.internet_protocol === 'DualStack' &&
        network.ip6_cidr === null &&
        (await allocateIpv6Network(db, network.zone_id))),
    })
    .where('id', '=', network.id)
    .execute();
  if (hasRouter(network) && hasUplink(to)) await ensureAddresses(db, network, to);
  await touch(db, network.id, 'settings', '*');
  if (!isOtherProtocol) return;
  await touch(db, network.id, 'dhcp.hosts', '*');
  await touch(db, network.id, 'dns.records', '*');
}

function checkAlike(from: Offering, to: Offering): void {
  const refuse = (expected: string) => parameterError('networkofferingid', to.id, expected);
  if (to.state !== 'Enabled') throw refuse(`an enabled network offering; ${to.name} is ${to.state}`);
  if (to.guest_ip_type !== from.guest_ip_type || to.for_vpc) {
    throw refuse(`an offering of guest type ${from.guest_ip_type} outside of VPCs, as ${from.name}`);
  }
  if (to.network_mode !== from.network_mode) {
    throw refuse(`an offering of network mode ${from.network_mode}, as ${from.name}: guests keep their addresses`);
  }
}

async function endOfLostServices(
  db: Trx,
  network: Network,
  { from, to, forced }: { readonly from: Offering; readonly to: Offering; readonly forced: boolean },
): Promise<void> {
  const lost = Object.keys(from.services).filter((service) => to.services[service] === undefined);
  const losesIpv6 = from.internet_protocol === 'DualStack' && to.internet_protocol === 'IPv4';
  const dependents = await dependentsOf(db, network, { services: lost, ipv6: losesIpv6 });
  if (dependents.length === 0) return;
  const fixed = dependents.filter(({ isRevocable }) => !isRevocable);
  if (forced && fixed.length === 0) return revokeDependents(db, dependents);
  const named = (forced ? fixed : dependents).map(({ what, ids }) => `${what} ${ids.slice(0, 3).join(', ')}`);
  const how = fixed.length === 0 ? 'none of them, or forced=true by a root admin' : 'none of them';
  throw parameterError('networkofferingid', to.id, `${how}, as ${to.name} lacks their service: ${named.join('; ')}`);
}

/** A port admits the addresses that its instance had when it started. */
async function checkNothingRuns(db: Trx, network: Network, to: Offering): Promise<void> {
  const running = await db
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .select('virtual_machine.name')
    .where('nic.network_id', '=', network.id)
    .where('virtual_machine.state', 'in', ['Starting', 'Running', 'Stopping', 'Migrating'])
    .limit(3)
    .execute();
  if (running.length === 0) return;
  const names = running.map(({ name }) => name).join(', ');
  const expected = `an offering with the same internet protocol while instances run (${names}); stop them first`;
  throw parameterError('networkofferingid', to.id, expected);
}

/** Of a network that is implemented: what it would have got then. */
async function ensureAddresses(db: Trx, network: Network, to: Offering): Promise<void> {
  const withIpv6 = to.internet_protocol === 'DualStack';
  const has = await db
    .selectFrom('public_ip_address')
    .select('id')
    .where('network_id', '=', network.id)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  if (has === undefined) {
    await allocatePublicAddress(db, {
      zoneId: network.zone_id,
      accountId: network.account_id,
      domainId: network.domain_id,
      networkId: network.id,
      isSourceNat: true,
      withIpv6,
    });
  }
  if (withIpv6) await ensurePublicIpv6(db, network);
}

/** After the router took it in: what the network does not need any more is free again. */
export async function settleOffering(db: Trx, networkId: string): Promise<void> {
  await db.updateTable('network').set({ previous_network_offering_id: null }).where('id', '=', networkId).execute();
  await freeUnusedIpv6(db, networkId);
}

/** After the router refused it: the offering that the network had, noted for compilation. */
export async function restoreOffering(db: Trx, networkId: string): Promise<void> {
  const network = await db
    .selectFrom('network')
    .select('previous_network_offering_id')
    .where('id', '=', networkId)
    .forUpdate()
    .executeTakeFirst();
  const previous = network?.previous_network_offering_id ?? null;
  if (previous === null) return;
  await db
    .updateTable('network')
    .set({ network_offering_id: previous, previous_network_offering_id: null })
    .where('id', '=', networkId)
    .execute();
  await freeUnusedIpv6(db, networkId);
  for (const collection of ['settings', 'dhcp.hosts', 'dns.records'] as const) {
    await touch(db, networkId, collection, '*');
  }
}

async function freeUnusedIpv6(db: Trx, networkId: string): Promise<void> {
  await db
    .updateTable('network')
    .set({ ip6_prefix_id: null, ip6_cidr: null, ip6_gateway: null, ip6_public_address: null })
    .where('id', '=', networkId)
    .where('ip6_cidr', 'is not', null)
    .where('network_offering_id', 'in', (query) =>
      query.selectFrom('network_offering').select('id').where('internet_protocol', '=', 'IPv4'),
    )
    .execute();
}
