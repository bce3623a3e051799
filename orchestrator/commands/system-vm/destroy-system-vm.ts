import { asyncCommand } from '../declaration.ts';
import { lockSystemVm, systemVmJob, systemVmParameter } from './job.ts';
import { presentSystemVm } from './response.ts';

export const destroySystemVm = asyncCommand({
  ...systemVmJob,
  name: 'destroySystemVm',
  description: 'Destroys a system VM. Its zone gets another where it needs one.',
  parameters: { id: systemVmParameter },
  eventType: 'SYSTEM.VM.DESTROY',
  prepare: ({ db }, { id }) => lockSystemVm(db, id.id, 'destroy'),
  execute: async (context, id) => {
    const before = await presentSystemVm(context, id);
    await context.orchestration.destroySystemVm(id);
    return { ...before, id, state: 'Destroyed', agentstate: undefined };
  },
});
