import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentProvider, providerFields } from './response.ts';

/** updateNetworkServiceProvider: a network needs an enabled provider of its services. */
export const updateNetworkServiceProvider = asyncCommand({
  name: 'updateNetworkServiceProvider',
  description: 'Enables or disables a provider of network services',
  roles: ['Admin'],
  eventType: 'SERVICE.PROVIDER.UPDATE',
  instanceType: 'NetworkServiceProvider',
  creates: false,
  parameters: {
    id: p.entity('network_service_provider').required('The id of the provider'),
    state: p.oneOf('Enabled', 'Disabled', 'Shutdown').optional('Enabled, Disabled or Shutdown'),
    servicelist: p.textList.optional('Taken and ignored: the provider offers all of its services'),
  },
  responseKey: 'networkserviceprovider',
  responseFields: providerFields,
  prepare: async ({ db }, { id: provider, state }) => {
    await db
      .updateTable('network_service_provider')
      .set({ state: state ?? provider.state })
      .where('id', '=', provider.id)
      .execute();
    return { id: provider.id };
  },
  execute: async ({ db }, id) =>
    presentProvider(
      await db.selectFrom('network_service_provider').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    ),
});
