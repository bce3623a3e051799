// Instances behind a load balancer rule: found by what a call names, added, revoked.
import { InvalidValueError, type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import type { Selectable } from 'kysely';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { LoadBalancerMemberTable } from '../../store/tables/load-balancing.ts';
import { resolveEntity } from '../arguments.ts';
import type { CommandContext } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { refuseLeaving } from '../nic/lock.ts';
import type { Orchestration } from '../orchestration.ts';
import { p } from '../parameter.ts';
import type { LoadBalancer } from './rule-rows.ts';

/** An instance behind a rule, by one of its addresses. */
export type Member = Selectable<LoadBalancerMemberTable>;

/** What assignToLoadBalancerRule and removeFromLoadBalancerRule name instances by. */
export const memberParameters = {
  id: p.entity('load_balancer_rule').required('The load balancer rule'),
  virtualmachineids: p.entities('virtual_machine').optional('The instances, comma-separated', { maxLength: 65_536 }),
  vmidipmap: p.map.optional('Instances and addresses: vmidipmap[0].vmid and vmidipmap[0].vmip', { maxLength: 65_536 }),
};

/** An instance as a call names it; without an address by that of its NIC. */
export interface NamedMember {
  readonly parameter: 'virtualmachineids' | 'vmidipmap';
  readonly machineId: string;
  readonly address?: Ipv4Address | undefined;
}

function addressOf(text: string): Ipv4Address {
  try {
    return parseIpv4Address(text);
  } catch (error) {
    if (error instanceof InvalidValueError) throw parameterError('vmidipmap', text, error.expected, error);
    throw error;
  }
}

/**
 * The instances that a call names, in the order in which they are locked. Throws 431 where it names none, or by something
 * else than vmid and vmip, and 531 for those of others.
 */
export async function namedMembers(
  { db, caller }: CommandContext,
  named: {
    readonly virtualmachineids?: readonly { readonly id: string }[] | undefined;
    readonly vmidipmap?: readonly Readonly<Record<string, string>>[] | undefined;
  },
): Promise<NamedMember[]> {
  const members: NamedMember[] = [];
  for (const { vmid, vmip, ...others } of named.vmidipmap ?? []) {
    const [other] = Object.keys(others);
    if (vmid === undefined || other !== undefined) {
      throw parameterError('vmidipmap', other ?? '', 'vmidipmap[n].vmid and vmidipmap[n].vmip');
    }
    const { id } = await resolveEntity(db, caller, 'vmidipmap', 'virtual_machine', vmid);
    members.push({
      parameter: 'vmidipmap',
      machineId: String(id),
      address: vmip === undefined ? undefined : addressOf(vmip),
    });
  }
  const mapped = new Set(members.map(({ machineId }) => machineId));
  for (const { id } of named.virtualmachineids ?? []) {
    // Clients send both: the map says which address of the instance is meant.
    if (!mapped.has(id)) members.push({ parameter: 'virtualmachineids', machineId: id });
  }
  if (members.length === 0) {
    throw new ApiError('parameter', 'Missing parameter virtualmachineids: expected virtualmachineids or vmidipmap');
  }
  const key = ({ machineId, address }: NamedMember) => `${machineId} ${address ?? ''}`;
  return [...new Map(members.map((member) => [key(member), member])).values()].sort((a, b) =>
    key(a) < key(b) ? -1 : 1,
  );
}

/** The NIC in the rule's network and the address that a call means. Throws 431 where the instance has none there. */
async function targetOf(db: Trx, rule: LoadBalancer, named: NamedMember) {
  const nic = await db
    .selectFrom('nic')
    .select(['id', 'address', 'is_leaving'])
    .where('virtual_machine_id', '=', named.machineId)
    .where('network_id', '=', rule.network_id)
    .executeTakeFirst();
  if (nic === undefined) {
    const expected = `an instance with a NIC in the network of the rule (${rule.network_id})`;
    throw parameterError(named.parameter, named.machineId, expected);
  }
  refuseLeaving(named.parameter, nic);
  if (named.address === undefined) return { nicId: nic.id, address: nic.address };
  const secondary = await db
    .selectFrom('nic_secondary_address')
    .select('address')
    .where('nic_id', '=', nic.id)
    .execute();
  const addresses = [nic.address, ...secondary.map(({ address }) => address)];
  if (!addresses.includes(named.address)) {
    const expected = `an address of the instance in that network: ${addresses.join(', ')}`;
    throw parameterError('vmidipmap', named.address, expected);
  }
  return { nicId: nic.id, address: named.address };
}

/** Every member of a rule, those that wait to be gone too, the oldest first. */
export function membersOf(db: Db, ruleId: string): Promise<Member[]> {
  return db
    .selectFrom('load_balancer_member')
    .selectAll()
    .where('load_balancer_rule_id', '=', ruleId)
    .orderBy('created')
    .orderBy('id')
    .execute();
}

/** Puts instances behind a rule; the caller has locked both. Throws 431 for one that is behind it already. */
export async function addMembers(db: Trx, rule: LoadBalancer, named: readonly NamedMember[]): Promise<void> {
  const present = new Map((await membersOf(db, rule.id)).map((member) => [member.address, member]));
  for (const each of named) {
    const { nicId, address } = await targetOf(db, rule, each);
    const member = present.get(address);
    if (member !== undefined && member.state !== 'Revoke') {
      const expected = `an instance that is not behind the rule ${rule.name} already, as ${address} is`;
      throw parameterError(each.parameter, each.machineId, expected);
    }
    const values = { virtual_machine_id: each.machineId, nic_id: nicId, state: 'Add' as const };
    if (member !== undefined) {
      // Its removal still waits: it goes on being there.
      await db
        .updateTable('load_balancer_member')
        .set({ ...values, previous: '{}' })
        .where('id', '=', member.id)
        .execute();
      await touch(db, rule.network_id, 'loadBalancing.members', member.id);
      continue;
    }
    const { id } = await db
      .insertInto('load_balancer_member')
      .values({
        ...values,
        network_id: rule.network_id,
        load_balancer_rule_id: rule.id,
        address,
        account_id: rule.account_id,
        domain_id: rule.domain_id,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await touch(db, rule.network_id, 'loadBalancing.members', id);
  }
}

/** Marks members as wanted gone. */
export async function revokeMembers(db: Trx, members: readonly Pick<Member, 'id' | 'network_id'>[]): Promise<void> {
  for (const { id, network_id } of members) {
    await db.updateTable('load_balancer_member').set({ state: 'Revoke' }).where('id', '=', id).execute();
    await touch(db, network_id, 'loadBalancing.members', id);
  }
}

/** Revokes every place behind a rule that an instance has. */
export async function revokeMembersOfMachine(db: Trx, machineId: string): Promise<void> {
  const members = db
    .selectFrom('load_balancer_member')
    .select(['id', 'network_id'])
    .where('virtual_machine_id', '=', machineId)
    .where('state', '<>', 'Revoke');
  await revokeMembers(db, await members.execute());
}

/** The members that a call names of a rule. Throws 431 for an instance that is not behind it. */
export async function placesOf(db: Trx, rule: LoadBalancer, named: readonly NamedMember[]): Promise<Member[]> {
  const members = (await membersOf(db, rule.id)).filter(({ state }) => state !== 'Revoke');
  return named.flatMap(({ parameter, machineId, address }) => {
    const places = members.filter(
      (member) => member.virtual_machine_id === machineId && (address === undefined || member.address === address),
    );
    if (places.length === 0) {
      const expected = `an instance that is behind the rule ${rule.name}${address === undefined ? '' : ` by ${address}`}`;
      throw parameterError(parameter, machineId, expected);
    }
    return places;
  });
}

/** Settles every member of a rule that waits. All of them ride one push. */
export async function settleMembers(db: Db, orchestration: Orchestration, ruleId: string): Promise<void> {
  const waiting = (await membersOf(db, ruleId)).filter(({ state }) => state !== 'Active');
  await Promise.all(waiting.map(({ id }) => orchestration.settleRule('load_balancer_member', id)));
}
