// What of a network depends on a service of its offering, so that it has to end before the service does.
import { sql } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { revokeFirewallRules } from '../firewall/rule-rows.ts';
import { revokeLoadBalancers } from '../load-balancer/rule-rows.ts';
import { ipv6Kind, type NetworkRuleKind, routingKind } from '../network-rule/kind.ts';
import { revokeNetworkRules } from '../network-rule/rule-rows.ts';
import { revokeForwards } from '../port-forwarding/rule-rows.ts';
import { revokeStaticNats } from '../static-nat/revoke.ts';

type Network = EntityRow<'network'>;
type DependentKind = keyof typeof kinds;

/** Rows of one kind, which the service that they depend on is named with by its offering. */
export interface Dependents {
  readonly kind: DependentKind;
  /** For people, such as `port forwarding rules`. */
  readonly what: string;
  readonly ids: readonly string[];
  /** False: its owner has to give it up. */
  readonly isRevocable: boolean;
}

interface Kind {
  readonly services: readonly string[];
  readonly isOfIpv6?: boolean;
  readonly what: string;
  readonly isRevocable: boolean;
  /** True for the rows that count. */
  readonly table: string;
  readonly where: ReturnType<typeof sql<boolean>>;
  readonly revoke?: (db: Trx, ids: readonly string[]) => Promise<void>;
}

const kept = sql<boolean>`state <> 'Revoke'`;

const ofRules = (rules: NetworkRuleKind, what: string) => ({
  table: rules.table,
  what,
  isRevocable: true,
  where: kept,
});

const kinds = {
  firewall: {
    services: ['Firewall'],
    table: 'firewall_rule',
    what: 'firewall rules',
    isRevocable: true,
    where: kept,
    revoke: async (db: Trx, ids: readonly string[]) =>
      revokeFirewallRules(
        db,
        await db
          .selectFrom('firewall_rule')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute(),
      ),
  },
  portForwarding: {
    services: ['PortForwarding'],
    table: 'port_forwarding_rule',
    what: 'port forwarding rules',
    isRevocable: true,
    where: kept,
    revoke: async (db: Trx, ids: readonly string[]) =>
      revokeForwards(
        db,
        await db
          .selectFrom('port_forwarding_rule')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute(),
      ),
  },
  staticNat: {
    services: ['StaticNat'],
    table: 'public_ip_address',
    what: 'public IP addresses with static NAT',
    isRevocable: true,
    where: sql<boolean>`static_nat_state in ('Add', 'Active')`,
    revoke: async (db: Trx, ids: readonly string[]) =>
      revokeStaticNats(
        db,
        await db
          .selectFrom('public_ip_address')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute(),
      ),
  },
  loadBalancer: {
    services: ['Lb'],
    table: 'load_balancer_rule',
    what: 'load balancer rules',
    isRevocable: true,
    where: kept,
    revoke: async (db: Trx, ids: readonly string[]) =>
      revokeLoadBalancers(
        db,
        await db
          .selectFrom('load_balancer_rule')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute(),
      ),
  },
  address: {
    services: ['SourceNat'],
    table: 'public_ip_address',
    what: 'public IP addresses',
    isRevocable: false,
    where: sql<boolean>`not is_source_nat`,
  },
  ipv6Firewall: {
    services: ['Firewall'],
    isOfIpv6: true,
    ...ofRules(ipv6Kind, 'IPv6 firewall rules'),
    revoke: (db: Trx, ids: readonly string[]) => revokeOf(db, ipv6Kind, ids),
  },
  routingFirewall: {
    services: ['Firewall'],
    ...ofRules(routingKind, 'routing firewall rules'),
    revoke: (db: Trx, ids: readonly string[]) => revokeOf(db, routingKind, ids),
  },
} satisfies Record<string, Kind>;

async function revokeOf(db: Trx, kind: NetworkRuleKind, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ id: string; network_id: string }>`
    select id, network_id from ${sql.table(kind.table)} where id = any(${ids}::uuid[])`.execute(db);
  await revokeNetworkRules(db, kind, rows);
}

/** What depends on services that the network loses, or on its IPv6. */
export async function dependentsOf(
  db: Trx,
  network: Network,
  lost: { readonly services: readonly string[]; readonly ipv6: boolean },
): Promise<Dependents[]> {
  const found: Dependents[] = [];
  for (const [name, kind] of Object.entries<Kind>(kinds)) {
    const concerns = kind.services.some((service) => lost.services.includes(service));
    if (!concerns && !(lost.ipv6 && kind.isOfIpv6 === true)) continue;
    const { rows } = await sql<{ id: string }>`
      select id from ${sql.table(kind.table)} where network_id = ${network.id}::uuid and ${kind.where} order by id`.execute(
      db,
    );
    const { what, isRevocable } = kind;
    if (rows.length === 0) continue;
    found.push({ kind: name as DependentKind, what, isRevocable, ids: rows.map(({ id }) => id) });
  }
  return found;
}

/** Marks all of it as wanted gone. It goes with the push that ends the services. */
export async function revokeDependents(db: Trx, dependents: readonly Dependents[]): Promise<void> {
  for (const { kind, ids } of dependents) {
    const { revoke }: Kind = kinds[kind];
    await revoke?.(db, ids);
  }
}
