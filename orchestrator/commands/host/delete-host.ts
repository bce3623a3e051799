import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** deleteHost: `forced` takes what it carries from it first; routers and instances with HA start elsewhere. */
export const deleteHost = syncCommand({
  name: 'deleteHost',
  description: 'Deletes a host',
  roles: ['Admin'],
  parameters: {
    id: p.entity('host').required('The host'),
    forced: p.boolean.optional('True: also where it carries routers or instances, whose disks on it are lost'),
    forcedestroylocalstorage: p.boolean.optional('Accepted for the clients that send it: as forced'),
  },
  responseKey: null,
  responseFields: successFields,
  handler: async () => ({ success: true }),
  afterCommit: async ({ orchestration, event }, { id: host, forced, forcedestroylocalstorage }) => {
    await orchestration.removeHost(host.id, { forced: forced === true || forcedestroylocalstorage === true });
    await event('HOST.DELETE', `Deleted host ${host.name}`, { type: 'Host', id: host.id });
  },
});
