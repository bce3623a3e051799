import type { Chain, IpSet, RuleSet } from '@isthmus/iptables-ts';
import {
  type BaseNames,
  type FirewallBase,
  filterForward,
  filterInput,
  filterOutput,
  manglePrerouting,
  rawChains,
} from './base-chains.ts';
import { CidrLists, ipv4Set } from './cidr-lists.ts';
import { EgressRules } from './egress-rules.ts';
import { IngressRules } from './ingress-rules.ts';
import { LoadBalancerListeners } from './load-balancer-rules.ts';
import { PublicAddresses } from './public-addresses.ts';
import { InboundRules } from './routed-rules.ts';

/** Changed chains of one table; null: gone. */
export type ChainChanges = ReadonlyMap<string, Chain | null>;

/** Changes by table since the last time. */
export interface FirewallChanges {
  readonly raw: ChainChanges;
  readonly mangle: ChainChanges;
  readonly filter: ChainChanges;
}

const unchanged: FirewallChanges = { raw: new Map(), mangle: new Map(), filter: new Map() };

/**
 * The tables raw, mangle and filter of one router, kept up under single changes: the chains follow from the settings
 * and entries alone, whatever the order of calls.
 */
export class FirewallRules {
  readonly lists: CidrLists;
  readonly publicAddresses: PublicAddresses;
  readonly ingress: IngressRules;
  readonly egress: EgressRules;
  readonly listeners: LoadBalancerListeners;
  /** Takes part in a routed network alone. */
  readonly inbound: InboundRules;
  readonly #names: BaseNames;
  #base: FirewallBase | null = null;
  #baseChanged = false;
  #inboundTaken = false;

  /** `namePrefix`: at most 6 characters; names of user chains and sets begin with it. */
  constructor(namePrefix: string) {
    this.lists = new CidrLists(namePrefix, ipv4Set);
    this.publicAddresses = new PublicAddresses(namePrefix);
    this.ingress = new IngressRules(namePrefix, this.lists);
    this.egress = new EgressRules(namePrefix, this.lists);
    this.listeners = new LoadBalancerListeners(namePrefix);
    this.inbound = new InboundRules(namePrefix, this.lists);
    this.#names = {
      ingressRoot: this.ingress.root,
      egress: this.egress.chain,
      listeners: this.listeners.root,
      inbound: this.inbound.chain,
      spoof: `${namePrefix}spoof`,
      publicAddresses: this.publicAddresses.setName,
    };
  }

  /** Sets what is not an entry. */
  set(base: FirewallBase, egressDefault: 'allow' | 'deny'): void {
    this.#base = base;
    this.#baseChanged = true;
    this.egress.setDefault(egressDefault);
  }

  /** A built-in chain, or another that follows from the settings alone. */
  baseChain(table: 'raw' | 'mangle' | 'filter', name: string): Chain | undefined {
    return this.#baseChains()[table].get(name);
  }

  #baseChains(): { readonly [Table in 'raw' | 'mangle' | 'filter']: ReadonlyMap<string, Chain> } {
    const base = this.#base;
    if (base === null) return { raw: new Map(), mangle: new Map(), filter: new Map() };
    return {
      raw: rawChains(base, this.#names),
      mangle: new Map([['PREROUTING', manglePrerouting(base, this.#names)]]),
      filter: new Map([
        ['INPUT', filterInput(base, this.#names)],
        ['FORWARD', filterForward(base, this.#names)],
        ['OUTPUT', filterOutput(base)],
      ]),
    };
  }

  /** mangle PREROUTING while nothing new may reach a public address, whatever the ingress rules. */
  closedPrerouting(): Chain | null {
    return this.#base === null ? null : manglePrerouting(this.#base, this.#names, { closed: true });
  }

  #isRouted(): boolean {
    return this.#base?.isRouted === true;
  }

  /** The chains of `inbound` come and go with the network's being routed. */
  #takeInbound(): ChainChanges {
    const [was, is] = [this.#inboundTaken, this.#isRouted()];
    if (!was && !is) return new Map();
    this.#inboundTaken = is;
    const changes = this.inbound.takeChanges();
    if (was && is) return changes;
    const chains = this.inbound.chains();
    return is ? chains : new Map([...changes.keys(), ...chains.keys()].map((name) => [name, null]));
  }

  /** Every chain of the three tables. */
  ruleSet(): RuleSet {
    const { raw, mangle, filter } = this.#baseChains();
    return {
      raw,
      mangle: new Map([...mangle, ...this.ingress.chains()]),
      filter: new Map([
        ...filter,
        ...this.egress.chains(),
        ...this.listeners.chains(),
        ...(this.#isRouted() ? this.inbound.chains() : []),
      ]),
    };
  }

  /** Every set. */
  sets(): IpSet[] {
    return [this.publicAddresses.set(), ...this.lists.sets()];
  }

  /** Chains that changed since the last call. The first call answers with all of them. */
  takeChanges(): FirewallChanges {
    const { raw, mangle, filter } = this.#baseChanged ? this.#baseChains() : unchanged;
    this.#baseChanged = false;
    return {
      raw: new Map(raw),
      mangle: new Map<string, Chain | null>([...mangle, ...this.ingress.takeChanges()]),
      filter: new Map<string, Chain | null>([
        ...filter,
        ...this.egress.takeChanges(),
        ...this.listeners.takeChanges(),
        ...this.#takeInbound(),
      ]),
    };
  }
}
