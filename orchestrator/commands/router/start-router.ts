import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentRouter, routerResponseFields } from './response.ts';

export const startRouter = asyncCommand({
  name: 'startRouter',
  description: 'Starts a stopped router with everything that its network has',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('router').required('The router'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  eventType: 'ROUTER.START',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: ({ db }, { id }) => lockForAction(db, id.id, 'start'),
  execute: async (context, id) => {
    await context.orchestration.startRouter(id);
    return presentRouter(context, id);
  },
});
