import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentServiceOffering, serviceOfferingFields } from './response.ts';

/** listServiceOfferings: system ones with issystem, for admins. */
export const listServiceOfferings = listCommand({
  name: 'listServiceOfferings',
  description: 'Lists service offerings',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'service_offering',
  keywordColumns: ['name', 'display_text'],
  order: ['created'],
  parameters: {
    name: p.text.optional('Those of this name'),
    issystem: p.boolean.optional('True: those for system VMs', { roles: ['Admin'] }),
    systemvmtype: p.text.optional('Those for these system VMs', { roles: ['Admin'] }),
    state: p.text.optional('Those in this state; Active by default'),
    cpunumber: p.integer(1, 1024).optional('Those with this many processors'),
    memory: p.integer(1, 16_777_216).optional('Those with this many MiB'),
  },
  responseKey: 'serviceoffering',
  responseFields: serviceOfferingFields,
  filter: (query, { name, issystem, systemvmtype, state, cpunumber, memory }) => {
    let narrowed = query.where('service_offering.is_system', '=', issystem ?? false);
    if (state?.toLowerCase() !== 'all') {
      narrowed = narrowed.where('service_offering.state', '=', (state ?? 'Active') as 'Active');
    }
    if (name !== undefined) narrowed = narrowed.where('service_offering.name', '=', name);
    if (systemvmtype !== undefined) narrowed = narrowed.where('service_offering.system_vm_type', '=', systemvmtype);
    if (cpunumber !== undefined) narrowed = narrowed.where('service_offering.cpu_number', '=', cpunumber);
    return memory === undefined ? narrowed : narrowed.where('service_offering.memory', '=', memory);
  },
  present: async (_context, rows) => rows.map(presentServiceOffering),
});
