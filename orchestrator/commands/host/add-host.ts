import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHosts } from './response.ts';

/** addHost: `url` is where the host agent listens, `unix:/PATH` on this machine. The answer is a list of one, as the field has it. */
export const addHost = syncCommand({
  name: 'addHost',
  description: 'Adds a host',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').required('Its zone'),
    podid: p.entity('pod').required('Its pod'),
    clusterid: p.entity('cluster').optional('Its cluster; or give clustername'),
    clustername: p.text.optional('The name of its cluster'),
    hypervisor: p.oneOf('KVM').required('Hypervisor of its cluster: KVM'),
    url: p.text.required('Where its host agent listens: unix:/PATH/OF/SOCKET'),
    username: p.text.optional('Taken and ignored: no password opens a host agent'),
    password: p.opaque.optional('Taken and ignored', { secret: true }),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether it takes new VMs'),
    hosttags: p.textList.optional('Taken and ignored: there are no host tags yet'),
  },
  responseKey: null,
  responseFields: hostFields,
  handler: async ({ db, event, orchestration }, { zoneid: zone, podid: pod, clusterid, ...parameters }) => {
    if (pod.zone_id !== zone.id) throw parameterError('podid', pod.id, `a pod of zone ${zone.name}`);
    const cluster =
      clusterid ??
      (await db
        .selectFrom('cluster')
        .selectAll()
        .where('pod_id', '=', pod.id)
        .where('name', '=', parameters.clustername ?? '')
        .executeTakeFirst());
    if (cluster === undefined) {
      throw parameterError('clustername', parameters.clustername, 'clusterid, or the name of a cluster of the pod');
    }
    if (cluster.pod_id !== pod.id) throw parameterError('clusterid', cluster.id, `a cluster of pod ${pod.name}`);
    if (!/^unix:\/[\w./-]{1,106}$/.test(parameters.url)) {
      throw parameterError('url', parameters.url, "unix: and the absolute path of a host agent's socket");
    }
    const taken = await db.selectFrom('host').select('name').where('url', '=', parameters.url).executeTakeFirst();
    if (taken !== undefined) {
      throw parameterError('url', parameters.url, `a host that was not added yet; it is host ${taken.name}`);
    }
    const report = await orchestration.probeHost(parameters.url);
    const host = await db
      .insertInto('host')
      .values({
        zone_id: zone.id,
        pod_id: pod.id,
        cluster_id: cluster.id,
        name: report.name,
        url: parameters.url,
        driver: report.driver,
        resource_state: parameters.allocationstate ?? 'Enabled',
        cpus: report.cpus,
        memory: report.memoryBytes,
        version: report.version,
        last_pinged: new Date(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('HOST.CREATE', `Added host ${host.name}`, { type: 'Host', id: host.id });
    return { count: 1, host: await presentHosts(db, [host]) };
  },
});
