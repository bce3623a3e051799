// What each service of a network can do, as clients read it (CloudStack's capabilities of the virtual router).
import { supportedStickinessMethods } from './load-balancer-stickiness.ts';

/** What a virtual router provides in this release, by CloudStack's names of services. */
export const routerServices = [
  'Dhcp',
  'Dns',
  'UserData',
  'Firewall',
  'Gateway',
  'SourceNat',
  'StaticNat',
  'PortForwarding',
  'Lb',
] as const;
export type RouterService = (typeof routerServices)[number];

/** One capability of a service, e.g. SupportedProtocols. */
export interface Capability {
  readonly name: string;
  readonly value: string;
}

const capabilities: Readonly<Record<string, readonly Capability[]>> = {
  Dhcp: [],
  Dns: [{ name: 'AllowDnsSuffixModification', value: 'true' }],
  UserData: [],
  Firewall: [
    { name: 'SupportedTrafficDirection', value: 'ingress, egress' },
    { name: 'SupportedProtocols', value: 'tcp,udp,icmp' },
    { name: 'SupportedEgressProtocols', value: 'tcp,udp,icmp,all' },
    { name: 'TrafficStatistics', value: 'per public ip' },
    { name: 'MultipleIps', value: 'true' },
  ],
  Gateway: [],
  SourceNat: [
    { name: 'SupportedSourceNatTypes', value: 'peraccount' },
    { name: 'RedundantRouter', value: 'false' },
  ],
  StaticNat: [{ name: 'ElasticIp', value: 'false' }],
  PortForwarding: [{ name: 'SupportedProtocols', value: 'tcp,udp' }],
  Lb: [
    { name: 'SupportedLBAlgorithms', value: 'roundrobin,leastconn,source' },
    { name: 'SupportedLBIsolation', value: 'dedicated' },
    { name: 'SupportedProtocols', value: 'tcp, udp, tcp-proxy, ssl' },
    { name: 'LbSchemes', value: 'Public' },
    { name: 'SslTermination', value: 'true' },
    { name: 'HealthCheckPolicy', value: 'true' },
    { name: 'SupportedStickinessMethods', value: supportedStickinessMethods() },
  ],
};

/** The services of an offering as responses list them: name, providers, capabilities. */
export function presentServices(services: Readonly<Record<string, readonly string[]>>) {
  return Object.entries(services)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, providers]) => ({
      name,
      provider: providers.map((provider) => ({ name: provider })),
      capability: (capabilities[name] ?? []).map((capability) => ({
        ...capability,
        canchooseservicecapability: false,
      })),
    }));
}
