import { asyncCommand } from '../declaration.ts';
import { lockSystemVm, systemVmJob, systemVmParameter } from './job.ts';
import { presentSystemVm } from './response.ts';

/** startSystemVm: one that was about to be removed, since nobody needed it, stays. */
export const startSystemVm = asyncCommand({
  ...systemVmJob,
  name: 'startSystemVm',
  description: 'Starts a stopped system VM',
  parameters: { id: systemVmParameter },
  eventType: 'SYSTEM.VM.START',
  prepare: async ({ db }, { id }) => {
    await lockSystemVm(db, id.id, 'start');
    await db.updateTable('system_vm').set({ draining: null }).where('id', '=', id.id).execute();
    return { id: id.id };
  },
  execute: async (context, id) => {
    await context.orchestration.startSystemVm(id);
    return presentSystemVm(context, id);
  },
});
