import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentRouter, routerResponseFields } from './response.ts';

export const rebootRouter = asyncCommand({
  name: 'rebootRouter',
  description: 'Reboots a running router',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('router').required('The router'),
    forced: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  eventType: 'ROUTER.REBOOT',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: ({ db }, { id }) => lockForAction(db, id.id, 'reboot'),
  execute: async (context, id) => {
    await context.orchestration.rebootRouter(id);
    return presentRouter(context, id);
  },
});
