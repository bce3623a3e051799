// Rows of a network → settings of its router's document. Pure.
import type { RouterSettings } from '@isthmus/contract';
import type { Fqdn } from '@isthmus/net';
import {
  type Ipv4Address,
  type Ipv4Cidr,
  type MacAddress,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  prefixLengthOf,
} from '@isthmus/net';

/** NIC names inside every router, as the field has them; eth1 is the control NIC of routers that are VMs. */
export const guestInterface = parseInterfaceName('eth0');
export const publicInterface = parseInterfaceName('eth2');

/** What the settings are made of. `sourceNat` is null for a network without the service SourceNat. */
export interface SettingsInput {
  readonly router: { readonly name: string; readonly guestMac: MacAddress; readonly publicMac: MacAddress };
  readonly network: {
    readonly cidr: Ipv4Cidr;
    readonly gateway: Ipv4Address;
    readonly domain: Fqdn;
    readonly privateMtu: number;
    readonly publicMtu: number;
    /** The network's own resolvers; empty: the zone's. */
    readonly dns: readonly Ipv4Address[];
    readonly egressDefaultAllow: boolean;
  };
  readonly zoneDns: readonly Ipv4Address[];
  readonly sourceNat: {
    readonly address: Ipv4Address;
    readonly prefixLength: number;
    readonly gateway: Ipv4Address;
  } | null;
}

/** Flows that a router tracks at once; the kernel's own default on a machine of 4 GiB. */
const conntrackMax = 262_144;
/** Leases of instances: long, since reservations never move; the field's are infinite and outlive their hosts. */
const leaseTimeSeconds = 86_400;

/** Where instances look for their metadata, besides at their router's address. */
const metadataAddress = parseIpv4Address('169.254.169.254');
/** Connections of all load balancers of a router at once. */
const loadBalancerConnections = 50_000;
/** How long connections may go on over a load balancer's configuration that was replaced: a day. */
const hardStopAfterMs = 86_400_000;

/** Settings of every section. */
export function compileSettings({ router, network, zoneDns, sourceNat }: SettingsInput): RouterSettings {
  const guest = {
    name: guestInterface,
    role: 'guest' as const,
    macAddress: router.guestMac,
    mtu: network.privateMtu,
    address: network.gateway,
    prefixLength: prefixLengthOf(network.cidr),
  };
  const uplink =
    sourceNat === null
      ? []
      : [
          {
            name: publicInterface,
            role: 'public' as const,
            macAddress: router.publicMac,
            mtu: network.publicMtu,
            address: sourceNat.address,
            prefixLength: sourceNat.prefixLength,
          },
        ];
  return {
    system: { hostname: parseHostname(router.name), domain: network.domain, conntrackMax },
    routing: {
      interfaces: [guest, ...uplink],
      ...(sourceNat && { defaultGateway: { address: sourceNat.gateway, interface: publicInterface } }),
    },
    dhcp: {
      interface: guestInterface,
      network: network.cidr,
      router: network.gateway,
      dnsServers: [network.gateway],
      domain: network.domain,
      leaseTimeSeconds,
      ...(network.privateMtu !== 1500 && { mtu: network.privateMtu }),
    },
    dns: {
      interface: guestInterface,
      domain: network.domain,
      forwarders: [...(network.dns.length > 0 ? network.dns : zoneDns)],
    },
    metadata: { enabled: true, interface: guestInterface, addresses: [network.gateway, metadataAddress] },
    nat: {
      guestInterface,
      guestNetwork: network.cidr,
      guestAddress: network.gateway,
      ...(sourceNat && { publicInterface, sourceNatAddress: sourceNat.address }),
    },
    firewall: {
      guestInterface,
      guestNetwork: network.cidr,
      ...(sourceNat && { publicInterface }),
      egressDefault: network.egressDefaultAllow ? 'allow' : 'deny',
    },
    loadBalancing: {
      enabled: true,
      ...(sourceNat && { publicInterface }),
      maxConnections: loadBalancerConnections,
      hardStopAfterMs,
    },
  };
}
