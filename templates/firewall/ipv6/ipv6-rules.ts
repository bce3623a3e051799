import type { Ipv6Rule } from '@isthmus/contract';
import type { Chain, IpSet, RuleSet } from '@isthmus/iptables-ts';
import { CidrLists, ipv6Set } from '../cidr-lists.ts';
import { DirectionRules } from '../direction-rules.ts';
import { protocolMatch } from '../protocol-match.ts';
import {
  closedIpv6Chains,
  type Ipv6Base,
  type Ipv6Names,
  ipv6Forward,
  ipv6Input,
  ipv6Output,
  ipv6Raw,
} from './base-chains.ts';

/** Changed chains of one table; null: gone. */
export type Ipv6Chains = ReadonlyMap<string, Chain<6> | null>;

/** Changes by table since the last time. */
export interface Ipv6Changes {
  readonly raw: Ipv6Chains;
  readonly filter: Ipv6Chains;
}

/**
 * The tables raw and filter of one router's IPv6, kept up under single changes: the chains follow from the settings and
 * entries alone, whatever the order of calls. Without a base everything is closed.
 */
export class Ipv6Rules {
  readonly lists: CidrLists<6>;
  readonly #ways: { readonly [Direction in Ipv6Rule['direction']]: DirectionRules<6> };
  readonly #names: Ipv6Names;
  #base: Ipv6Base | null = null;
  #baseChanged = true;

  /** `namePrefix`: at most 6 characters; names of user chains and sets begin with it. */
  constructor(namePrefix: string) {
    this.lists = new CidrLists<6>(namePrefix, ipv6Set);
    const way = (chain: string, bucket: string, tree: string) =>
      new DirectionRules<6>({
        chain: `${namePrefix}${chain}`,
        bucketPrefix: `${namePrefix}${bucket}`,
        treePrefix: `${namePrefix}${tree}`,
        lists: this.lists,
        protocolMatch: (rule) => protocolMatch<6>(rule, 'icmpv6'),
      });
    this.#ways = { ingress: way('inbound', 'n-', 'm-'), egress: way('egress', 'b-', 'e-') };
    this.#names = {
      inbound: this.#ways.ingress.chain,
      egress: this.#ways.egress.chain,
      spoof: `${namePrefix}spoof`,
    };
  }

  /** Sets what is not an entry; null closes. */
  set(base: Ipv6Base | null, egressDefault: 'allow' | 'deny'): void {
    this.#base = base;
    this.#baseChanged = true;
    this.#ways.egress.setDefault(egressDefault);
  }

  /** Adds or replaces a rule. */
  put(id: string, rule: Ipv6Rule): void {
    this.#ways[rule.direction === 'ingress' ? 'egress' : 'ingress'].remove(id);
    this.#ways[rule.direction].put(id, rule);
  }

  remove(id: string): void {
    for (const way of Object.values(this.#ways)) way.remove(id);
  }

  #baseChains(): { readonly raw: ReadonlyMap<string, Chain<6>>; readonly filter: ReadonlyMap<string, Chain<6>> } {
    const base = this.#base;
    if (base === null) return { raw: new Map(), filter: closedIpv6Chains() };
    return {
      raw: ipv6Raw(base, this.#names),
      filter: new Map([
        ['INPUT', ipv6Input(base)],
        ['FORWARD', ipv6Forward(base, this.#names)],
        ['OUTPUT', ipv6Output(base)],
      ]),
    };
  }

  /** A built-in chain, or another that follows from the settings alone. */
  baseChain(table: 'raw' | 'filter', name: string): Chain<6> | undefined {
    return this.#baseChains()[table].get(name);
  }

  /** Every chain of both tables. */
  ruleSet(): RuleSet<6> {
    const { raw, filter } = this.#baseChains();
    const ways = this.#base === null ? [] : Object.values(this.#ways).flatMap((way) => [...way.chains()]);
    return { raw, filter: new Map([...filter, ...ways]) };
  }

  /** Every set. */
  sets(): IpSet<6>[] {
    return this.lists.sets();
  }

  /**
   * Chains that changed since the last call, of a network that has IPv6 before and after; where that changes, the whole
   * is compared with what the kernel has instead.
   */
  takeChanges(): Ipv6Changes {
    const { raw, filter } = this.#baseChanged ? this.#baseChains() : { raw: new Map(), filter: new Map() };
    this.#baseChanged = false;
    const ways = Object.values(this.#ways).flatMap((way) => [...way.takeChanges()]);
    return { raw, filter: new Map<string, Chain<6> | null>([...filter, ...ways]) };
  }
}
