import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { elementFields } from './response.ts';

/** configureVirtualRouterElement: lets routers be deployed. */
export const configureVirtualRouterElement = asyncCommand({
  name: 'configureVirtualRouterElement',
  description: 'Enables or disables an element that deploys virtual routers',
  roles: ['Admin'],
  eventType: 'NETWORK.ELEMENT.CONFIGURE',
  instanceType: 'VirtualRouterElement',
  creates: false,
  parameters: {
    id: p.entity('virtual_router_element').required('The id of the element'),
    enabled: p.boolean.required('True: routers may be deployed'),
  },
  responseKey: 'virtualrouterelement',
  responseFields: elementFields,
  prepare: async ({ db }, { id: element, enabled }) => {
    await db.updateTable('virtual_router_element').set({ enabled }).where('id', '=', element.id).execute();
    return { id: element.id };
  },
  execute: async ({ db }, id) => {
    const row = await db
      .selectFrom('virtual_router_element')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    return { id: row.id, nspid: row.network_service_provider_id, enabled: row.enabled };
  },
});
