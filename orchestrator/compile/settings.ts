// Rows of a network → settings of its router's document. Pure.
import type { DhcpOption, HealthCheckSettings, RouterSettings } from '@isthmus/contract';
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
import { advertisedIpv6, type Ipv6Input, ipv6Of } from './ipv6.ts';

/** NIC names inside every router, as the field has them; eth1 is the control NIC of routers that are VMs. */
export const guestInterface = parseInterfaceName('eth0');
export const publicInterface = parseInterfaceName('eth2');

/** What the settings are made of. */
export interface SettingsInput {
  /** Absent: the router checks itself only when asked to. */
  readonly healthChecks?: HealthCheckSettings;
  readonly router: { readonly name: string; readonly guestMac: MacAddress; readonly publicMac: MacAddress };
  readonly network: {
    readonly cidr: Ipv4Cidr;
    readonly gateway: Ipv4Address;
    readonly domain: Fqdn;
    readonly privateMtu: number;
    readonly publicMtu: number;
    /** The network's own resolvers; empty: the zone's. */
    readonly dns: readonly Ipv4Address[];
    /** Guests are told of the resolvers themselves rather than of the router, which goes on answering. */
    readonly useExternalDns?: boolean;
    /** Further DHCP options of every lease. */
    readonly dhcpOptions?: readonly DhcpOption[];
    readonly egressDefaultAllow: boolean;
    /** Services of its offering, by CloudStack's names. */
    readonly services: ReadonlySet<string>;
    /** Guests are reached at their own addresses, without NAT. */
    readonly isRouted: boolean;
    /** Connections of all its load balancers at once; null: the default. */
    readonly maxConnections: number | null;
  };
  readonly zoneDns: readonly Ipv4Address[];
  /** The address of the router's public NIC; null for a network without. */
  readonly uplink: {
    readonly address: Ipv4Address;
    readonly prefixLength: number;
    readonly gateway: Ipv4Address;
  } | null;
  /** Null of a network of IPv4 alone. */
  readonly ipv6: Ipv6Input | null;
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
export function compileSettings(input: SettingsInput): RouterSettings {
  const { router, network, zoneDns, healthChecks } = input;
  const { services, isRouted } = network;
  // The address stays with a network that has lost its way out, for the day that it moves back.
  const uplink = isRouted || services.has('SourceNat') ? input.uplink : null;
  const ipv6 = uplink === null && input.ipv6 !== null ? { ...input.ipv6, uplink: null } : input.ipv6;
  const resolvers = [...(network.dns.length > 0 ? network.dns : zoneDns)];
  return {
    system: {
      hostname: parseHostname(router.name),
      domain: network.domain,
      conntrackMax,
      ...(healthChecks && { healthChecks }),
    },
    routing: routing(input, uplink, ipv6),
    dhcp: {
      enabled: services.has('Dhcp'),
      interface: guestInterface,
      network: network.cidr,
      router: network.gateway,
      dnsServers:
        (services.has('Dns') && !network.useExternalDns) || resolvers.length === 0 ? [network.gateway] : resolvers,
      domain: network.domain,
      leaseTimeSeconds,
      ...(network.privateMtu !== 1500 && { mtu: network.privateMtu }),
      ...(network.dhcpOptions?.length && { options: [...network.dhcpOptions] }),
      ...advertisedIpv6(ipv6, services.has('Dns')),
    },
    dns: {
      enabled: services.has('Dns'),
      interface: guestInterface,
      domain: network.domain,
      forwarders: resolvers,
    },
    metadata: {
      enabled: services.has('UserData'),
      interface: guestInterface,
      addresses: [network.gateway, metadataAddress],
    },
    nat: {
      guestInterface,
      guestNetwork: network.cidr,
      guestAddress: network.gateway,
      ...(uplink && { publicInterface }),
      ...(uplink && !isRouted && { sourceNatAddress: uplink.address }),
    },
    firewall: {
      guestInterface,
      guestNetwork: network.cidr,
      ...(uplink && { publicInterface }),
      // Without the service nobody could ever open what is denied.
      egressDefault: network.egressDefaultAllow || !services.has('Firewall') ? 'allow' : 'deny',
      ...(isRouted && { isRouted }),
      ...(ipv6 && { guestNetworkIpv6: ipv6.network }),
    },
    loadBalancing: {
      enabled: services.has('Lb'),
      ...(uplink && { publicInterface }),
      maxConnections: network.maxConnections ?? loadBalancerConnections,
      hardStopAfterMs,
    },
  };
}

function routing(
  { router, network }: SettingsInput,
  uplink: SettingsInput['uplink'],
  ipv6: SettingsInput['ipv6'],
): RouterSettings['routing'] {
  const guest = {
    name: guestInterface,
    role: 'guest' as const,
    macAddress: router.guestMac,
    mtu: network.privateMtu,
    address: network.gateway,
    prefixLength: prefixLengthOf(network.cidr),
    ...ipv6Of('guest', ipv6),
  };
  if (uplink === null) return { interfaces: [guest] };
  const outside = {
    name: publicInterface,
    role: 'public' as const,
    macAddress: router.publicMac,
    mtu: network.publicMtu,
    address: uplink.address,
    prefixLength: uplink.prefixLength,
    ...ipv6Of('public', ipv6),
  };
  return {
    interfaces: [guest, outside],
    defaultGateway: { address: uplink.gateway, interface: publicInterface },
    ...(ipv6?.uplink && { defaultGatewayIpv6: { address: ipv6.uplink.gateway, interface: publicInterface } }),
  };
}
