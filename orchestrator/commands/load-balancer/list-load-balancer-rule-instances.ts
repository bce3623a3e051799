import { sql } from 'kysely';
import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { presentVirtualMachines, virtualMachineResponseFields } from '../virtual-machine/response.ts';
import { membersOf } from './member-rows.ts';
import type { Statistics } from './response.ts';

const instanceFields = {
  ...virtualMachineResponseFields,
  servicestate: field.string(
    'UP, DOWN or DRAINING, as the router finds the instance; UNCHECKED for udp; absent where the router does not answer',
  ),
};

// The rule, which the caller may name, says whose instances they are; so this list is a sync command.
export const listLoadBalancerRuleInstances = syncCommand({
  name: 'listLoadBalancerRuleInstances',
  description: 'Lists the instances behind a load balancer rule, and how its router finds them',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('load_balancer_rule').required('The load balancer rule'),
    applied: p.boolean.optional("False: the network's instances that are not behind the rule; true by default"),
    lbvmips: p.boolean.optional('True: each instance with its addresses behind the rule'),
    listall: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: null,
  responseFields: {
    loadbalancerruleinstance: field.list('The instances; with lbvmips each within an lbrulevmidip', instanceFields),
    lbrulevmidip: field.list('With lbvmips: the instances and their addresses', {
      loadbalancerruleinstance: field.map('The instance'),
      lbvmipaddresses: field.list('Its addresses behind the rule'),
    }),
  },
  handler: async (context, { id: rule, applied, lbvmips }) => {
    const members = (await membersOf(context.db, rule.id)).filter(({ state }) => state !== 'Revoke');
    const ids = [...new Set(members.map((member) => member.virtual_machine_id))];
    const isBehind = sql<boolean>`virtual_machine.id = any(${ids}::uuid[])`;
    const rows = await context.db
      .selectFrom('virtual_machine')
      .selectAll()
      .where(applied === false ? sql<boolean>`not ${isBehind}` : isBehind)
      .where('state', 'not in', ['Destroyed', 'Expunging', 'Error'])
      .where(sql<boolean>`id in (select virtual_machine_id from nic where network_id = ${rule.network_id})`)
      .orderBy('created')
      .orderBy('id')
      .execute();
    if (rows.length === 0) return {};
    const counted = applied === false ? null : await context.orchestration.loadBalancerStatistics(rule.network_id);
    const presented = await presentVirtualMachines(context, rows);
    const instances = presented.map((instance, index) => {
      const own = members.filter((member) => member.virtual_machine_id === rows[index]?.id);
      const servicestate = serviceState(
        own.map((member) => member.id),
        counted,
      );
      return { instance: { ...instance, servicestate }, addresses: own.map(({ address }) => address) };
    });
    const count = instances.length;
    if (lbvmips !== true) return { count, loadbalancerruleinstance: instances.map(({ instance }) => instance) };
    return {
      count,
      lbrulevmidip: instances.map(({ instance, addresses }) => ({
        loadbalancerruleinstance: instance,
        lbvmipaddresses: addresses,
      })),
    };
  },
});

/** The best state among an instance's addresses: it serves where one of them does. */
function serviceState(memberIds: readonly string[], counted: Statistics | null): string | undefined {
  const states = (counted?.members ?? []).filter(({ member }) => memberIds.includes(member)).map(({ state }) => state);
  return (['up', 'unchecked', 'draining', 'down'] as const).find((state) => states.includes(state))?.toUpperCase();
}
