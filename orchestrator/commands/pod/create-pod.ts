import { cidrContains, ipv4Network, ipv4ToNumber } from '@isthmus/net';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { netmaskPrefixLength } from '../netmask.ts';
import { p } from '../parameter.ts';
import { podFields, presentPods } from './response.ts';

/** createPod: a rack. Its range is for system VMs' management addresses. */
export const createPod = syncCommand({
  name: 'createPod',
  description: 'Creates a pod',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').required('Its zone'),
    name: p.name.required('Its name'),
    gateway: p.ipv4.required('Gateway of its management network'),
    netmask: p.ipv4.required('Netmask of its management network'),
    startip: p.ipv4.required('First address for system VMs'),
    endip: p.ipv4.optional('Last address for system VMs; the first one by default'),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether it takes new VMs'),
  },
  responseKey: 'pod',
  responseFields: podFields,
  handler: async ({ db, event }, parameters) => {
    const { zoneid: zone, name, gateway, netmask, startip } = parameters;
    const endip = parameters.endip ?? startip;
    const cidr = ipv4Network(gateway, netmaskPrefixLength(netmask));
    if (!cidrContains(cidr, startip)) throw parameterError('startip', startip, `an address of ${cidr}`);
    if (!cidrContains(cidr, endip) || ipv4ToNumber(endip) < ipv4ToNumber(startip)) {
      throw parameterError('endip', endip, `an address of ${cidr}, not before startip`);
    }
    const taken = await db
      .selectFrom('pod')
      .select('id')
      .where('zone_id', '=', zone.id)
      .where('name', '=', name)
      .executeTakeFirst();
    if (taken !== undefined) throw parameterError('name', name, 'a name that no other pod of the zone has');
    const pod = await db
      .insertInto('pod')
      .values({
        zone_id: zone.id,
        name,
        gateway,
        netmask,
        start_ip: startip,
        end_ip: endip,
        allocation_state: parameters.allocationstate ?? 'Enabled',
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('POD.CREATE', `Created pod ${name}`, { type: 'Pod', id: pod.id });
    return (await presentPods(db, [pod]))[0] ?? {};
  },
});
