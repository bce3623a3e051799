import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { lockForAction } from './lock.ts';

/** patchSystemVm: the newest agent comes into a router that goes on serving, and goes again where it does not come up. */
export const patchSystemVm = asyncCommand({
  name: 'patchSystemVm',
  description: "Brings a running router's own software to the newest release, without a restart",
  roles: ['Admin'],
  parameters: {
    id: p.entity('router').required('The router'),
    forced: p.boolean.optional('True: also where it runs the newest release already'),
  },
  responseKey: null,
  responseFields: {
    success: field.boolean('True: the newest release serves'),
    displaytext: field.string('What serves now'),
  },
  eventType: 'LIVE.PATCH.SYSTEM.VM',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: ({ db }, { id }) => lockForAction(db, id.id, 'reboot'),
  execute: async ({ orchestration }, id, { forced }) => {
    const displaytext = await orchestration.patchRouter(id, { forced: forced === true });
    return { success: true, displaytext };
  },
});
