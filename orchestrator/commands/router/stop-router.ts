import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentRouter, routerResponseFields } from './response.ts';

export const stopRouter = asyncCommand({
  name: 'stopRouter',
  description: 'Stops a router. What changes meanwhile is applied at its next start.',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('router').required('The router'),
    forced: p.boolean.optional('True: its processes are killed'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  eventType: 'ROUTER.STOP',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: ({ db }, { id }) => lockForAction(db, id.id, 'stop'),
  execute: async (context, id, { forced }) => {
    await context.orchestration.stopRouter(id, { forced: forced === true });
    return presentRouter(context, id);
  },
});
