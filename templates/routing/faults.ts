// What the schema cannot say of interfaces and addresses.
import type { PublicAddress, RouterSettings } from '@isthmus/contract';
import { cidrContains, ipv4Network, ipv6CidrContains, ipv6Network, parseIpv6Cidr } from '@isthmus/net';

/** A fault of the document; `path` such as `routing.publicAddresses.ID.interface`. */
export interface RoutingFault {
  readonly path: string;
  readonly message: string;
}

type Settings = Pick<RouterSettings, 'routing' | 'dhcp' | 'dns' | 'nat' | 'firewall'>;

function repeated(path: string, field: string, values: readonly string[]): RoutingFault[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) === index
      ? []
      : [{ path: `${path}.${index}.${field}`, message: `${value}: another interface has it already` }],
  );
}

function gatewayFaults({ defaultGateway, interfaces }: RouterSettings['routing']): RoutingFault[] {
  if (defaultGateway === undefined) return [];
  const through = interfaces.find(({ name }) => name === defaultGateway.interface);
  const path = 'routing.defaultGateway';
  if (through === undefined) return [unknownInterface(`${path}.interface`, defaultGateway.interface)];
  const network = ipv4Network(through.address, through.prefixLength);
  if (cidrContains(network, defaultGateway.address) && defaultGateway.address !== through.address) return [];
  const message = `${defaultGateway.address}: expected another address of ${network}, the network of ${through.name}`;
  return [{ path: `${path}.address`, message }];
}

const linkLocal = parseIpv6Cidr('fe80::/10');

function ipv6GatewayFaults({ defaultGatewayIpv6, interfaces }: RouterSettings['routing']): RoutingFault[] {
  if (defaultGatewayIpv6 === undefined) return [];
  const { address, interface: name } = defaultGatewayIpv6;
  const through = interfaces.find((each) => each.name === name);
  const path = 'routing.defaultGatewayIpv6';
  if (through?.ipv6 === undefined) {
    return [{ path: `${path}.interface`, message: `${name}: expected one of routing.interfaces that has IPv6` }];
  }
  if (ipv6CidrContains(linkLocal, address)) return [];
  const network = ipv6Network(through.ipv6.address, through.ipv6.prefixLength);
  if (ipv6CidrContains(network, address) && address !== through.ipv6.address) return [];
  const message = `${address}: expected another address of ${network}, the network of ${name}, or a link-local one`;
  return [{ path: `${path}.address`, message }];
}

function unknownInterface(path: string, name: string): RoutingFault {
  return { path, message: `${name}: expected the name of one of routing.interfaces` };
}

/** Faults of the settings: interfaces that are named twice, or named elsewhere and not there; a gateway out of reach. */
export function settingsFaults({ routing, dhcp, dns, nat, firewall }: Settings): RoutingFault[] {
  const names = new Set<string>(routing.interfaces.map(({ name }) => name));
  const references: readonly (readonly [string, string | undefined])[] = [
    ['dhcp.interface', dhcp.interface],
    ['dns.interface', dns.interface],
    ['nat.guestInterface', nat.guestInterface],
    ['nat.publicInterface', nat.publicInterface],
    ['firewall.guestInterface', firewall.guestInterface],
    ['firewall.publicInterface', firewall.publicInterface],
  ];
  const { interfaces } = routing;
  return [
    ...repeated(
      'routing.interfaces',
      'name',
      interfaces.map(({ name }) => name),
    ),
    ...repeated(
      'routing.interfaces',
      'macAddress',
      interfaces.map(({ macAddress }) => macAddress),
    ),
    ...repeated(
      'routing.interfaces',
      'address',
      interfaces.map(({ address }) => address),
    ),
    ...interfaces.flatMap(({ ipv6 }, index) =>
      interfaces.findIndex((each) => ipv6 !== undefined && each.ipv6?.address === ipv6.address) === index ||
      ipv6 === undefined
        ? []
        : [
            {
              path: `routing.interfaces.${index}.ipv6.address`,
              message: `${ipv6.address}: another interface has it already`,
            },
          ],
    ),
    ...gatewayFaults(routing),
    ...ipv6GatewayFaults(routing),
    ...references.flatMap(([path, name]) =>
      name === undefined || names.has(name) ? [] : [unknownInterface(path, name)],
    ),
  ];
}

/** Faults of further public addresses: not on a public NIC, or there twice. */
export function publicAddressFaults(
  { interfaces }: RouterSettings['routing'],
  publicAddresses: ReadonlyMap<string, PublicAddress>,
): RoutingFault[] {
  const publicNames = new Set<string>(interfaces.filter(({ role }) => role === 'public').map(({ name }) => name));
  const taken = new Set<string>(interfaces.map(({ address }) => address));
  const faults: RoutingFault[] = [];
  for (const [id, { address, interface: name }] of publicAddresses) {
    const path = `routing.publicAddresses.${id}`;
    if (!publicNames.has(name)) {
      faults.push({ path: `${path}.interface`, message: `${name}: expected an interface whose role is public` });
    }
    if (taken.has(address)) faults.push({ path: `${path}.address`, message: `${address}: the router has it already` });
    taken.add(address);
  }
  return faults;
}
