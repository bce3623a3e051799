import { asyncCommand } from '../declaration.ts';
import { lockSystemVm, systemVmJob } from './job.ts';
import { offeringParameters, setOffering } from './offering.ts';
import { presentSystemVm } from './response.ts';

/** scaleSystemVm: one that runs is restarted for it. */
export const scaleSystemVm = asyncCommand({
  ...systemVmJob,
  name: 'scaleSystemVm',
  description: 'Gives a system VM another service offering, by a restart where it runs',
  parameters: offeringParameters,
  eventType: 'SYSTEM.VM.SCALE',
  prepare: async (context, { id, serviceofferingid }) => {
    await setOffering(context, await lockSystemVm(context.db, id.id, 'scale'), serviceofferingid);
    return { id: id.id };
  },
  execute: async (context, id) => {
    await context.orchestration.scaleSystemVm(id);
    return presentSystemVm(context, id);
  },
});
