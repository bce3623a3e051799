// Two families of firewall rules are of a whole network and else alike: those of IPv6, and those of routed networks. Their
// commands are made of one declaration each, from what tells the families apart.
import {
  cidrsOverlap,
  type Ipv4Cidr,
  type Ipv6Cidr,
  ipv6CidrsOverlap,
  ipv6PrefixLengthOf,
  prefixLengthOf,
} from '@isthmus/net';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { requireService } from '../network/require-service.ts';

type Network = EntityRow<'network'>;

/** The guests' own addresses, as networkRuleMatch takes them. */
export interface Guests {
  readonly family: 4 | 6;
  readonly cidr: string;
  readonly isWithin: (cidr: string) => boolean;
}

/** What tells a family of rules apart. */
export interface NetworkRuleKind {
  readonly table: 'ipv6_firewall_rule' | 'routing_firewall_rule';
  readonly collection: 'firewall.ipv6' | 'firewall.routed';
  /** Part of the commands' names, such as `Ipv6FirewallRule`. */
  readonly noun: 'Ipv6FirewallRule' | 'RoutingFirewallRule';
  /** For people, such as `IPv6 firewall rule`. */
  readonly label: string;
  /** Such as `IPV6.FIREWALL.RULE`. */
  readonly eventPrefix: string;
  readonly family: 4 | 6;
  /** The guests' addresses. Throws 431 for `networkid` where the network is not of the kind. */
  readonly guests: (db: Trx, network: Network) => Promise<Guests>;
}

async function offeringOf(db: Trx, network: Network) {
  return db
    .selectFrom('network_offering')
    .select(['name', 'internet_protocol', 'network_mode'])
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
}

/** Rules of the IPv6 of dual-stack networks. */
export const ipv6Kind: NetworkRuleKind = {
  table: 'ipv6_firewall_rule',
  collection: 'firewall.ipv6',
  noun: 'Ipv6FirewallRule',
  label: 'IPv6 firewall rule',
  eventPrefix: 'IPV6.FIREWALL.RULE',
  family: 6,
  guests: async (db, network) => {
    await requireService(db, network.id, 'Firewall', { name: 'networkid', value: network.id }, 'any');
    const offering = await offeringOf(db, network);
    const own = network.ip6_cidr;
    if (offering.internet_protocol !== 'DualStack' || own === null) {
      throw parameterError(
        'networkid',
        network.id,
        `a network with IPv6; its offering ${offering.name} has IPv4 alone`,
      );
    }
    const isWithin = (cidr: string) =>
      ipv6CidrsOverlap(cidr as Ipv6Cidr, own) && ipv6PrefixLengthOf(cidr as Ipv6Cidr) >= ipv6PrefixLengthOf(own);
    return { family: 6, cidr: own, isWithin };
  },
};

/** Rules of routed networks. */
export const routingKind: NetworkRuleKind = {
  table: 'routing_firewall_rule',
  collection: 'firewall.routed',
  noun: 'RoutingFirewallRule',
  label: 'routing firewall rule',
  eventPrefix: 'ROUTING.IPV4.FIREWALL.RULE',
  family: 4,
  guests: async (db, network) => {
    const offering = await offeringOf(db, network);
    if (offering.network_mode !== 'ROUTED') {
      const expected = `a routed network; its offering ${offering.name} translates addresses: see createFirewallRule`;
      throw parameterError('networkid', network.id, expected);
    }
    await requireService(db, network.id, 'Firewall', { name: 'networkid', value: network.id }, 'ROUTED');
    const own = network.cidr;
    const isWithin = (cidr: string) =>
      cidrsOverlap(cidr as Ipv4Cidr, own) && prefixLengthOf(cidr as Ipv4Cidr) >= prefixLengthOf(own);
    return { family: 4, cidr: own, isWithin };
  },
};

/** The network of a rule. Throws 431 where it is gone. */
export async function networkOf(db: Trx, id: string): Promise<Network> {
  const network = await db.selectFrom('network').selectAll().where('id', '=', id).executeTakeFirst();
  if (network === undefined) throw new ApiError('parameter', `The network ${id} does not exist any more`);
  return network;
}
