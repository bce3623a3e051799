import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { clusterFields, presentClusters } from './response.ts';

/** addCluster. The answer is a list of one, as the field has it. */
export const addCluster = syncCommand({
  name: 'addCluster',
  description: 'Adds a cluster to a pod',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').required('Its zone'),
    podid: p.entity('pod').required('Its pod'),
    clustername: p.name.required('Its name'),
    clustertype: p.oneOf('CloudManaged', 'ExternalManaged').required('CloudManaged'),
    hypervisor: p.oneOf('KVM').required('Hypervisor of its hosts: KVM, which the namespace driver stands in for'),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether it takes new VMs'),
  },
  responseKey: null,
  responseFields: clusterFields,
  handler: async ({ db, event }, { zoneid: zone, podid: pod, ...parameters }) => {
    if (pod.zone_id !== zone.id) throw parameterError('podid', pod.id, `a pod of zone ${zone.name}`);
    const taken = await db
      .selectFrom('cluster')
      .select('id')
      .where('pod_id', '=', pod.id)
      .where('name', '=', parameters.clustername)
      .executeTakeFirst();
    if (taken !== undefined) {
      throw parameterError('clustername', parameters.clustername, 'a name that no other cluster of the pod has');
    }
    const cluster = await db
      .insertInto('cluster')
      .values({
        zone_id: zone.id,
        pod_id: pod.id,
        name: parameters.clustername,
        hypervisor: parameters.hypervisor,
        cluster_type: parameters.clustertype,
        allocation_state: parameters.allocationstate ?? 'Enabled',
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('CLUSTER.CREATE', `Created cluster ${cluster.name}`, { type: 'Cluster', id: cluster.id });
    return { count: 1, cluster: await presentClusters(db, [cluster]) };
  },
});
