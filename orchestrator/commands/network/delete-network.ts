import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

export const deleteNetwork = asyncCommand({
  name: 'deleteNetwork',
  description:
    'Deletes a network with its rules, router and public addresses. Its instances have to be expunged first.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('network').required('The network'),
    forced: p.boolean.optional('Accepted for the clients that send it', { roles: ['Admin'] }),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NETWORK.DELETE',
  instanceType: 'Network',
  creates: false,
  prepare: async ({ db }, { id: network }) => {
    // A stronger lock than other commands take: it waits for those that insert rows which name the network.
    await db.selectFrom('network').select('id').where('id', '=', network.id).forUpdate().execute();
    const machines = await db
      .selectFrom('nic')
      .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
      .select(['virtual_machine.name', 'virtual_machine.state'])
      .where('nic.network_id', '=', network.id)
      .orderBy('virtual_machine.name')
      .limit(3)
      .execute();
    if (machines.length > 0) {
      const named = machines.map(({ name, state }) => `${name} (${state})`).join(', ');
      throw new ApiError('inUse', `Network ${network.name} has instances, such as ${named}: expected all expunged`);
    }
    await db.updateTable('network').set({ state: 'Destroy' }).where('id', '=', network.id).execute();
    return { id: network.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.deleteNetwork(id);
    return { success: true };
  },
});
