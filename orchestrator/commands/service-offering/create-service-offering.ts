import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentServiceOffering, serviceOfferingFields } from './response.ts';

/** createServiceOffering: the size of an instance or, with issystem, of a system VM. */
export const createServiceOffering = syncCommand({
  name: 'createServiceOffering',
  description: 'Creates a service offering',
  roles: ['Admin'],
  parameters: {
    name: p.name.required('Its name'),
    displaytext: p.text.optional('Its description; its name by default'),
    cpunumber: p.integer(1, 1024).required('Processors'),
    cpuspeed: p.integer(1, 100_000).optional('MHz; 500 by default'),
    memory: p.integer(32, 16_777_216).required('MiB'),
    offerha: p.boolean.optional('Whether a VM that fails is started again'),
    issystem: p.boolean.optional('True: for system VMs'),
    systemvmtype: p
      .oneOf('domainrouter', 'consoleproxy', 'secondarystoragevm')
      .optional('With issystem: for which system VMs'),
    storagetype: p.oneOf('local', 'shared').optional('Taken and ignored: disks are local'),
  },
  responseKey: 'serviceoffering',
  responseFields: serviceOfferingFields,
  handler: async ({ db, event }, parameters) => {
    if (parameters.issystem === true && parameters.systemvmtype === undefined) {
      throw parameterError('systemvmtype', '', 'domainrouter, consoleproxy or secondarystoragevm beside issystem');
    }
    const row = await db
      .insertInto('service_offering')
      .values({
        name: parameters.name,
        display_text: parameters.displaytext ?? parameters.name,
        cpu_number: parameters.cpunumber,
        cpu_speed: parameters.cpuspeed ?? 500,
        memory: parameters.memory,
        offer_ha: parameters.offerha ?? false,
        is_system: parameters.issystem ?? false,
        system_vm_type: parameters.issystem === true ? (parameters.systemvmtype ?? null) : null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('SERVICE.OFFERING.CREATE', `Created service offering ${row.name}`, {
      type: 'ServiceOffering',
      id: row.id,
    });
    return presentServiceOffering(row);
  },
});
