import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockSystemVm, systemVmJob, systemVmParameter } from './job.ts';
import { presentSystemVm } from './response.ts';

export const rebootSystemVm = asyncCommand({
  ...systemVmJob,
  name: 'rebootSystemVm',
  description: 'Reboots a running system VM',
  parameters: {
    id: systemVmParameter,
    forced: p.boolean.optional('Accepted for the clients that send it'),
  },
  eventType: 'SYSTEM.VM.REBOOT',
  prepare: ({ db }, { id }) => lockSystemVm(db, id.id, 'reboot'),
  execute: async (context, id) => {
    await context.orchestration.rebootSystemVm(id);
    return presentSystemVm(context, id);
  },
});
