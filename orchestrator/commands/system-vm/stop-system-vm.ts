import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockSystemVm, systemVmJob, systemVmParameter } from './job.ts';
import { presentSystemVm } from './response.ts';

/** stopSystemVm: it stays stopped, and its sessions come back through another where there is one. */
export const stopSystemVm = asyncCommand({
  ...systemVmJob,
  name: 'stopSystemVm',
  description: 'Stops a system VM',
  parameters: {
    id: systemVmParameter,
    forced: p.boolean.optional('True: it counts as stopped also where its host does not answer'),
  },
  eventType: 'SYSTEM.VM.STOP',
  prepare: ({ db }, { id }) => lockSystemVm(db, id.id, 'stop'),
  execute: async (context, id, { forced }) => {
    await context.orchestration.stopSystemVm(id, { forced: forced === true });
    return presentSystemVm(context, id);
  },
});
