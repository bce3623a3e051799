import type { Ipv4Address } from '@isthmus/net';
import type { Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand, type CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { revokeFirewallRules } from '../firewall/rule-rows.ts';
import { revokeLoadBalancers } from '../load-balancer/rule-rows.ts';
import { hasRouter } from '../network/lock.ts';
import { p } from '../parameter.ts';
import { revokeForwards } from '../port-forwarding/rule-rows.ts';
import { successFields } from '../response-field.ts';
import { revokeStaticNats } from '../static-nat/revoke.ts';

export const disassociateIpAddress = asyncCommand({
  name: 'disassociateIpAddress',
  description: 'Releases a public IP address with all of its rules',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('public_ip_address').optional('The public IP address; else ipaddress'),
    ipaddress: p.ipv4.optional("One of the caller's public IP addresses; else id"),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NET.IPRELEASE',
  instanceType: 'IpAddress',
  creates: false,
  prepare: async (context, { id, ipaddress }) => {
    const { db } = context;
    const addressId = id?.id ?? (await ownAddress(context, ipaddress));
    const network = await networkOf(context, addressId);
    const row = await db
      .selectFrom('public_ip_address')
      .selectAll()
      .where('id', '=', addressId)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow();
    if ((row.state !== 'Allocated' && row.state !== 'Releasing') || row.account_id === null) {
      throw parameterError(id ? 'id' : 'ipaddress', id?.id ?? ipaddress, 'a public IP address in state Allocated');
    }
    if (row.is_source_nat && network !== undefined && hasRouter(network)) {
      throw new ApiError(
        'parameter',
        `Public IP address ${row.address} is the source NAT address of network ${network.name}, which is in state ${network.state}: expected another address`,
      );
    }
    await db.updateTable('public_ip_address').set({ state: 'Releasing' }).where('id', '=', row.id).execute();
    await revokeEverything(db, row);
    return { id: row.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.releasePublicIpAddress(id);
    return { success: true };
  },
});

/** Marks the address's rules as wanted gone, and the address itself on its router. */
async function revokeEverything(db: Trx, address: EntityRow<'public_ip_address'>): Promise<void> {
  const forwards = await db
    .selectFrom('port_forwarding_rule')
    .selectAll()
    .where('public_ip_address_id', '=', address.id)
    .execute();
  await revokeForwards(db, forwards);
  const loadBalancers = await db
    .selectFrom('load_balancer_rule')
    .selectAll()
    .where('public_ip_address_id', '=', address.id)
    .execute();
  await revokeLoadBalancers(db, loadBalancers);
  const rules = await db
    .selectFrom('firewall_rule')
    .selectAll()
    .where('public_ip_address_id', '=', address.id)
    .where('state', '<>', 'Revoke')
    .execute();
  await revokeFirewallRules(db, rules);
  if (address.static_nat_nic_id !== null) await revokeStaticNats(db, [address]);
  if (address.network_id !== null) await touch(db, address.network_id, 'routing.publicAddresses', address.id);
}

/** The network of an address, locked before the address as everywhere, so that two commands never wait for each other. */
function networkOf({ db }: CommandContext, addressId: string) {
  return db
    .selectFrom('network')
    .select(['name', 'state'])
    .where('id', '=', (eb) => eb.selectFrom('public_ip_address').select('network_id').where('id', '=', addressId))
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** Without an id only an address of the caller's own account can be meant. */
async function ownAddress({ db, caller }: CommandContext, address: Ipv4Address | undefined): Promise<string> {
  if (address === undefined) throw new ApiError('parameter', 'Missing parameter id: expected id or ipaddress');
  const row = await db
    .selectFrom('public_ip_address')
    .select('id')
    .where('address', '=', address)
    .where('account_id', '=', caller.accountId)
    .executeTakeFirst();
  if (row === undefined) throw parameterError('ipaddress', address, "one of the caller's public IP addresses");
  return row.id;
}
