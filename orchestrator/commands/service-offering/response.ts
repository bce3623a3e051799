import type { Selectable } from 'kysely';
import type { ServiceOfferingTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Fields of a service offering. */
export const serviceOfferingFields: ResponseFields = {
  id: field.string('The id of the offering'),
  name: field.string('Its name'),
  displaytext: field.string('Its description'),
  cpunumber: field.integer('Processors'),
  cpuspeed: field.integer('MHz'),
  memory: field.integer('MiB'),
  created: field.date('When it was created'),
  state: field.string('Active or Inactive'),
  storagetype: field.string('local'),
  offerha: field.boolean('Whether a VM that fails is started again'),
  issystem: field.boolean('True: for system VMs'),
  systemvmtype: field.string('For which system VMs'),
  defaultuse: field.boolean('True: the system VMs take it unless told otherwise'),
  iscustomized: field.boolean('Always false'),
};

/** A service offering as the API shows it. */
export function presentServiceOffering(row: Selectable<ServiceOfferingTable>): ResponseObject {
  return {
    id: row.id,
    name: row.name,
    displaytext: row.display_text,
    cpunumber: row.cpu_number,
    cpuspeed: row.cpu_speed,
    memory: row.memory,
    created: row.created,
    state: row.state,
    storagetype: 'local',
    offerha: row.offer_ha,
    issystem: row.is_system,
    systemvmtype: row.system_vm_type ?? undefined,
    defaultuse: row.is_default,
    iscustomized: false,
  };
}
