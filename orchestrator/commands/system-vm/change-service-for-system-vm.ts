import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { lockSystemVm } from './job.ts';
import { offeringParameters, setOffering } from './offering.ts';
import { presentSystemVm, systemVmResponseFields } from './response.ts';

/** changeServiceForSystemVm: of one that is stopped; scaleSystemVm is for those that run. */
export const changeServiceForSystemVm = syncCommand({
  name: 'changeServiceForSystemVm',
  description: 'Gives a stopped system VM another service offering, which its next start takes',
  roles: ['Admin'],
  parameters: offeringParameters,
  responseKey: 'systemvm',
  responseFields: systemVmResponseFields,
  handler: async (context, { id, serviceofferingid }) => {
    const vm = await lockSystemVm(context.db, id.id, 'scale');
    if (vm.state !== 'Stopped') {
      throw parameterError('id', vm.id, `a system VM in state Stopped, not ${vm.state}; or scaleSystemVm`);
    }
    await setOffering(context, vm, serviceofferingid);
    return presentSystemVm(context, vm.id);
  },
});
