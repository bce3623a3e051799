// The addresses and routes of a router, as the document wants them and as the kernel has them.
import type { PublicAddress, RouterSettings } from '@isthmus/contract';

/** One interface. `addresses` are IPv4 with prefix length, e.g. `10.1.1.1/24`, the interface's own first. */
export interface LinkState {
  readonly name: string;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly addresses: readonly string[];
}

/** One default route. `source`: the address that the router's own packets carry; null: the kernel's choice. */
export interface DefaultRoute {
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
  const links = settings.interfaces.map(({ name, mtu, address, prefixLength }) => ({
    name,
    up: true,
    mtu,
    addresses: [`${address}/${prefixLength}`, ...(further.get(name) ?? [])],
  }));
  return { links: [loopback, ...links], defaultRoutes: defaultRoutesOf(settings) };
}

function defaultRoutesOf({ defaultGateway, interfaces }: RoutingSettings): DefaultRoute[] {
  if (defaultGateway === undefined) return [];
  const source = interfaces.find(({ name }) => name === defaultGateway.interface)?.address ?? null;
  return [{ gateway: defaultGateway.address, interface: defaultGateway.interface, source, metric: null }];
}
