// For the tests: a zone, as an admin adds it by addZone, addPod, addCluster and addPhysicalNetwork.
import { parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import type { Db } from './database.ts';

/** Ids of a zone and what it has at first. */
export interface Zone {
  readonly zoneId: string;
  readonly podId: string;
  readonly clusterId: string;
  readonly physicalNetworkId: string;
}

/** Writes down `zone1` with a pod, a cluster of KVM hosts and a physical network of VNIs 100 to 999. */
export async function addZone(db: Db): Promise<Zone> {
  const dns = parseIpv4Address('192.0.2.53');
  const { id: zoneId } = await db
    .insertInto('zone')
    .values({
      name: 'zone1',
      network_type: 'Advanced',
      dns1: dns,
      dns2: null,
      internal_dns1: dns,
      internal_dns2: null,
      guest_cidr: parseIpv4Cidr('10.1.1.0/24'),
      network_domain: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id: podId } = await db
    .insertInto('pod')
    .values({
      zone_id: zoneId,
      name: 'pod1',
      gateway: parseIpv4Address('192.0.2.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: parseIpv4Address('192.0.2.10'),
      end_ip: parseIpv4Address('192.0.2.20'),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id: clusterId } = await db
    .insertInto('cluster')
    .values({ zone_id: zoneId, pod_id: podId, name: 'cluster1', hypervisor: 'KVM' })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id: physicalNetworkId } = await db
    .insertInto('physical_network')
    .values({ zone_id: zoneId, name: 'physical1', vni_first: 100, vni_last: 999, network_speed: null, tags: null })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { zoneId, podId, clusterId, physicalNetworkId };
}
