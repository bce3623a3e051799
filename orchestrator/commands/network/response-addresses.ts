// What a network's response says of its addresses and of the routes that lead to them.
import { cidrRange, type Ipv4Address, type Ipv4Cidr, ipv4Add } from '@isthmus/net';
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { field } from '../response-field.ts';

const route = { subnet: field.string('Where to'), gateway: field.string("By which of the router's public addresses") };

/** Fields of networks with IPv6 and of routed ones. */
export const networkIpFields: ResponseFields = {
  internetprotocol: field.string('The internet protocol of the network: IPv4 or DualStack'),
  ip6cidr: field.string('The IPv6 network of a dual-stack network'),
  ip6gateway: field.string("The router's address in it"),
  ip6dns1: field.string('The first IPv6 DNS server'),
  ip6dns2: field.string('The second IPv6 DNS server'),
  ip6routing: field.string('Of a dual-stack network: Static'),
  ip6routes: field.set('The routes that the upstream router needs', route),
  ip4routing: field.string('Of a routed network: Static'),
  ip4routes: field.set('The routes that the upstream router needs', route),
};

type Row = EntityRow<'network'>;

/** The CIDR: whole, or where instances get addresses of a part of it, part, whole and the rest. */
export function cidrFields({ cidr, guest_vm_cidr: part }: Row): ResponseObject {
  if (part === null) return { cidr };
  return { cidr: part, networkcidr: cidr, reservediprange: rest(cidr, part) };
}

/** The addresses of a network outside of a part of it: one or two ranges. */
function rest(cidr: Ipv4Cidr, part: Ipv4Cidr): string | undefined {
  const [whole, inner] = [cidrRange(cidr), cidrRange(part)];
  const ranges: string[] = [];
  if (inner.first !== whole.first) ranges.push(`${whole.first}-${ipv4Add(inner.first, -1)}`);
  if (inner.last !== whole.last) ranges.push(`${ipv4Add(inner.last, 1)}-${whole.last}`);
  return ranges.length === 0 ? undefined : ranges.join(',');
}

/** The addresses of routers' public NICs, by network. */
export async function uplinkAddresses(db: Db, rows: readonly Row[]): Promise<ReadonlyMap<string | null, Ipv4Address>> {
  if (rows.length === 0) return new Map();
  const found = await db
    .selectFrom('public_ip_address')
    .select(['network_id', 'address'])
    .where(
      'network_id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('is_source_nat', '=', true)
    .execute();
  return new Map(found.map((row) => [row.network_id, row.address]));
}

/** What a network's row and its offering say of IPv6 and of routes. `router`: the address of its router's public NIC. */
export function ipFields(
  row: Row,
  {
    zone,
    offering,
    router,
  }: {
    readonly zone: EntityRow<'zone'> | undefined;
    readonly offering: EntityRow<'network_offering'>;
    readonly router: Ipv4Address | undefined;
  },
): ResponseObject {
  const isRouted = offering.network_mode === 'ROUTED';
  const isDualStack = offering.internet_protocol === 'DualStack' && row.ip6_cidr !== null;
  const routes = (subnet: string | null, gateway: string | null | undefined) =>
    subnet === null || !gateway ? [] : [{ subnet, gateway }];
  return {
    internetprotocol: offering.internet_protocol,
    ...(isDualStack && {
      ip6cidr: row.ip6_cidr,
      ip6gateway: row.ip6_gateway ?? undefined,
      ip6dns1: row.ip6_dns1 ?? zone?.ip6_dns1 ?? undefined,
      ip6dns2: (row.ip6_dns1 === null ? zone?.ip6_dns2 : row.ip6_dns2) ?? undefined,
      ip6routing: 'Static',
      ip6routes: routes(row.ip6_cidr, row.ip6_public_address),
    }),
    ...(isRouted && { ip4routing: 'Static', ip4routes: routes(row.cidr, router) }),
  };
}
