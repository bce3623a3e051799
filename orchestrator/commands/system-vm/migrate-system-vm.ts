import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { checkTargetHost, targetHostParameter } from '../host/target-host.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { presentRouter, routerResponseFields } from '../router/response.ts';
import { unservedParameter } from '../unserved.ts';
import { applianceOf } from './appliance.ts';
import { presentSystemVm, systemVmResponseFields } from './response.ts';

/**
 * migrateSystemVm: a router or a system VM moves by a stop and a start elsewhere. A router takes its leases along; the
 * sessions of a console proxy come back by themselves, through another where there is one.
 */
export const migrateSystemVm = asyncCommand({
  name: 'migrateSystemVm',
  description: 'Moves a system VM or a router to another host',
  roles: ['Admin'],
  parameters: {
    virtualmachineid: p.uuid.required('The system VM or router'),
    hostid: targetHostParameter,
    autoselect: p.boolean.optional('Accepted for the clients that send it'),
    storageid: unservedParameter('system VMs have the disk of their host', 'uuid'),
  },
  responseKey: 'systemvm',
  responseFields: {
    ...routerResponseFields,
    ...systemVmResponseFields,
    systemvmtype: field.string('domainrouter or consoleproxy'),
  },
  eventType: 'VM.MIGRATE',
  instanceType: 'SystemVm',
  creates: false,
  prepare: async ({ db }, { virtualmachineid, hostid }) => {
    const { row } = await applianceOf(db, 'virtualmachineid', virtualmachineid);
    if (!['Running', 'Stopped'].includes(row.state)) {
      throw parameterError('virtualmachineid', row.id, `one in state Running or Stopped, not ${row.state}`);
    }
    await checkTargetHost(db, hostid, row.zone_id);
    return { id: row.id };
  },
  execute: async (context, id, { hostid }) => {
    const { orchestration } = context;
    const router = await presentRouter(context, id);
    if (router.id === undefined) {
      await orchestration.migrateSystemVm(id, hostid ?? null);
      return presentSystemVm(context, id);
    }
    await orchestration.migrateRouter(id, hostid ?? null);
    return { ...(await presentRouter(context, id)), systemvmtype: 'domainrouter' };
  },
});
