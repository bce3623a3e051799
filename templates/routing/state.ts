// The addresses and routes of a router, as the document wants them and as the kernel has them.
import type { PublicAddress, RouterSettings } from '@isthmus/contract';

/** One interface. `addresses` have their prefix length, e.g. `10.1.1.1/24`, the interface's own first, those of IPv6 last. */
export interface LinkState {
  readonly name: string;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly addresses: readonly string[];
}

/** One default route, of IPv6 where `family` is 6. `source`: the address that the router's own packets carry; null: the kernel's choice. */
export interface DefaultRoute {
  readonly family?: 6;
  readonly gateway: string | null;
  readonly interface: string;
  readonly source: string | null;
  /** Null: 0. */
  readonly metric: number | null;
}

export interface RoutingState {
  readonly links: readonly LinkState[];
  readonly defaultRoutes: readonly DefaultRoute[];
}

const loopback: LinkState = { name: 'lo', up: true, mtu: 65_536, addresses: ['127.0.0.1/8'] };

type RoutingSettings = RouterSettings['routing'];

/**
 * What a document asks for: the loopback interface and each NIC up with its addresses, one default route or none. A
 * link-local address of metadata is the NIC's too, so that it answers ARP for it (RFC 3927: guests hold it for on-link).
 */
export function desiredRouting(
  settings: RoutingSettings,
  publicAddresses: Iterable<PublicAddress>,
  metadata?: RouterSettings['metadata'],
): RoutingState {
  const further = new Map<string, string[]>();
  const linkLocals =
    metadata?.enabled === true ? metadata.addresses.filter((address) => address.startsWith('169.254.')) : [];
  if (metadata !== undefined)
    further.set(
      metadata.interface,
      linkLocals.map((address) => `${address}/32`),
    );
  for (const { interface: name, address, prefixLength } of publicAddresses) {
    const addresses = further.get(name) ?? [];
    further.set(name, addresses);
    addresses.push(`${address}/${prefixLength}`);
  }
  const links = settings.interfaces.map(({ name, mtu, address, prefixLength, ipv6 }) => ({
    name,
    up: true,
    mtu,
    addresses: [
      `${address}/${prefixLength}`,
      ...(further.get(name) ?? []),
      ...(ipv6 === undefined ? [] : [`${ipv6.address}/${ipv6.prefixLength}`]),
    ],
  }));
  return { links: [loopback, ...links], defaultRoutes: defaultRoutesOf(settings) };
}

/** The metric that the kernel gives a route of IPv6 (IP6_RT_PRIO_USER). */
const ipv6Metric = 1024;

function defaultRoutesOf({ defaultGateway, defaultGatewayIpv6, interfaces }: RoutingSettings): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  if (defaultGateway !== undefined) {
    const source = interfaces.find(({ name }) => name === defaultGateway.interface)?.address ?? null;
    routes.push({ gateway: defaultGateway.address, interface: defaultGateway.interface, source, metric: null });
  }
  if (defaultGatewayIpv6 !== undefined) {
    const { address: gateway, interface: name } = defaultGatewayIpv6;
    routes.push({ family: 6, gateway, interface: name, source: null, metric: ipv6Metric });
  }
  return routes;
}

/** True where a state has IPv6, which the router then forwards as well. */
export function hasIpv6({ links }: RoutingState): boolean {
  return links.some(({ addresses }) => addresses.some((address) => address.includes(':')));
}
