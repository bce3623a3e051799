import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentRouter, routerResponseFields } from './response.ts';

export const destroyRouter = asyncCommand({
  name: 'destroyRouter',
  description: 'Destroys a router. Its network gets another with its next instance or restart.',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('router').required('The router'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  eventType: 'ROUTER.DESTROY',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: ({ db }, { id }) => lockForAction(db, id.id, 'destroy'),
  execute: async (context, id) => {
    const before = await presentRouter(context, id);
    await context.orchestration.destroyRouter(id);
    const after = await presentRouter(context, id);
    // A destroyed router may have no row any more.
    return after.id === undefined ? { ...before, id, state: 'Destroyed' } : after;
  },
});
