import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { checkTargetHost, targetHostParameter } from '../host/target-host.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { unservedParameter } from '../unserved.ts';
import { presentRouter, routerResponseFields } from './response.ts';

/** migrateSystemVm: a router moves by a stop and a start elsewhere, and takes its leases along. */
export const migrateSystemVm = asyncCommand({
  name: 'migrateSystemVm',
  description: 'Moves a router to another host',
  roles: ['Admin'],
  parameters: {
    virtualmachineid: p.entity('router').required('The router'),
    hostid: targetHostParameter,
    autoselect: p.boolean.optional('Accepted for the clients that send it'),
    storageid: unservedParameter('system VMs have the disk of their host', 'uuid'),
  },
  responseKey: 'systemvm',
  responseFields: { ...routerResponseFields, systemvmtype: field.string('domainrouter') },
  eventType: 'ROUTER.MIGRATE',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: async ({ db }, { virtualmachineid: router, hostid }) => {
    if (!['Running', 'Stopped'].includes(router.state)) {
      throw parameterError('virtualmachineid', router.id, `a router in state Running or Stopped, not ${router.state}`);
    }
    await checkTargetHost(db, hostid, router.zone_id);
    return { id: router.id };
  },
  execute: async (context, id, { hostid }) => {
    await context.orchestration.migrateRouter(id, hostid ?? null);
    return { ...(await presentRouter(context, id)), systemvmtype: 'domainrouter' };
  },
});
