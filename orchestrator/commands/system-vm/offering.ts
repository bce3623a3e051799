import type { CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { systemVmParameter } from './job.ts';

/** Parameters of scaleSystemVm and changeServiceForSystemVm. */
export const offeringParameters = {
  id: systemVmParameter,
  serviceofferingid: p.entity('service_offering').required('The service offering, one for its kind of system VMs'),
  details: unservedParameter('offerings have no sizes of their own choice', 'map'),
};

/** Writes a service offering of a system VM down. Throws 431 where it is for something else, or not active. */
export async function setOffering(
  { db }: CommandContext,
  vm: EntityRow<'system_vm'>,
  offering: EntityRow<'service_offering'>,
): Promise<void> {
  if (offering.system_vm_type !== vm.type || offering.state !== 'Active') {
    throw parameterError(
      'serviceofferingid',
      offering.id,
      `an active service offering for system VMs of type ${vm.type}`,
    );
  }
  await db.updateTable('system_vm').set({ service_offering_id: offering.id }).where('id', '=', vm.id).execute();
}
