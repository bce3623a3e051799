// The model of what the kernel has: rules and sets of one router, moved from one document to the next and back.
import type { CollectionName, RouterDocument, RouterEntry, RouterSettings } from '@isthmus/contract';
import type { Chain, IpSet, RuleSet, TableName } from '@isthmus/iptables-ts';
import type { Ipv4Address } from '@isthmus/net';
import { type ControlPath, FirewallRules } from '@isthmus/templates/firewall';
import { NatRules } from '@isthmus/templates/nat';
import { claimOf, NatIndex } from '../nat-index.ts';
import type { DocumentChange, EntryChange } from '../service.ts';
import { UdpBalancers } from './udp-balancers.ts';

/** The settings that the packet filter follows from. */
export type FilterSettings = Pick<RouterSettings, 'nat' | 'firewall' | 'routing' | 'metadata'>;

const collections = [
  'routing.publicAddresses',
  'nat.portForwards',
  'nat.staticNats',
  'firewall.ingress',
  'firewall.egress',
  'firewall.routed',
  'loadBalancing.rules',
  'loadBalancing.members',
] as const satisfies readonly CollectionName[];
type FilterCollection = (typeof collections)[number];

/** A change as the packet filter sees it. It can be turned round. */
export interface FilterChange {
  readonly before: FilterSettings | null;
  readonly after: FilterSettings | null;
  readonly entries: { readonly [Name in FilterCollection]: readonly EntryChange<Name>[] };
}

/** Chains by name; null: gone. */
export type Chains = ReadonlyMap<string, Chain | null>;

/** Changed chains of each table; `withdrawn`: mangle's first step, where a change both takes rules out and touches nat. */
export interface FilterStep {
  readonly withdrawn: Chains;
  readonly tables: { readonly [Table in TableName]: Chains };
  readonly lists: { readonly added: readonly IpSet[]; readonly removed: readonly string[] };
  readonly addresses: { readonly added: readonly Ipv4Address[]; readonly removed: readonly Ipv4Address[] };
}

/** Changes of entries that take others back. */
export function turned<Name extends CollectionName>(
  entries: readonly EntryChange<Name>[],
): readonly EntryChange<Name>[] {
  return entries.map(({ id, before, after }) => ({
    id,
    ...(after === undefined ? {} : { before: after }),
    ...(before === undefined ? {} : { after: before }),
  }));
}

/** The change that takes another back. */
export function turnedChange({ before, after, entries }: FilterChange): FilterChange {
  return {
    before: after,
    after: before,
    entries: {
      'routing.publicAddresses': turned(entries['routing.publicAddresses']),
      'nat.portForwards': turned(entries['nat.portForwards']),
      'nat.staticNats': turned(entries['nat.staticNats']),
      'firewall.ingress': turned(entries['firewall.ingress']),
      'firewall.egress': turned(entries['firewall.egress']),
      'firewall.routed': turned(entries['firewall.routed']),
      'loadBalancing.rules': turned(entries['loadBalancing.rules']),
      'loadBalancing.members': turned(entries['loadBalancing.members']),
    },
  };
}

function settingsOf({ settings: { nat, firewall, routing, metadata } }: RouterDocument): FilterSettings {
  return { nat, firewall, routing, metadata };
}

/** True where a change of the document concerns the packet filter. */
export function concernsFilter({ full, sections, entries }: DocumentChange): boolean {
  const names = ['nat', 'firewall', 'routing', 'metadata', 'loadBalancing'] as const;
  const settings = names.some((section) => sections.has(section));
  return full || settings || collections.some((name) => entries[name].length > 0);
}

/** Public addresses that the settings name. */
function addressesOf(settings: FilterSettings | null): Ipv4Address[] {
  if (settings === null) return [];
  const { nat, routing } = settings;
  const own = routing.interfaces.filter(({ role }) => role === 'public').map(({ address }) => address);
  return [...own, ...(nat.sourceNatAddress === undefined ? [] : [nat.sourceNatAddress])];
}

export class FilterState {
  readonly nat: NatRules;
  readonly firewall: FirewallRules;
  readonly index = new NatIndex();
  /** Whether the rules of `loadBalancing` are in force. */
  readonly isBalancing: boolean;
  readonly #balancers = new UdpBalancers();
  readonly #control: ControlPath | undefined;
  #settings: FilterSettings | null = null;

  /** `control`: of a router that is managed over a NIC of its own. */
  constructor(namePrefix: string, control?: ControlPath, isBalancing = false) {
    this.#control = control;
    this.isBalancing = isBalancing;
    this.nat = new NatRules(namePrefix);
    this.firewall = new FirewallRules(namePrefix);
  }

  /** The state of a whole document. */
  static of(namePrefix: string, document: RouterDocument, control?: ControlPath): FilterState {
    const state = new FilterState(namePrefix, control, document.settings.loadBalancing.enabled);
    const all = <Name extends FilterCollection>(name: Name): EntryChange<Name>[] =>
      [...document.entries[name]].map(([id, after]) => ({ id, after }));
    state.advance({
      before: null,
      after: settingsOf(document),
      entries: {
        'routing.publicAddresses': all('routing.publicAddresses'),
        'nat.portForwards': all('nat.portForwards'),
        'nat.staticNats': all('nat.staticNats'),
        'firewall.ingress': all('firewall.ingress'),
        'firewall.egress': all('firewall.egress'),
        'firewall.routed': all('firewall.routed'),
        'loadBalancing.rules': all('loadBalancing.rules'),
        'loadBalancing.members': all('loadBalancing.members'),
      },
    });
    return state;
  }

  /** A change of the document as this state's own. Keeps nothing of the document that the agent changes in place. */
  changeOf({ document, entries }: DocumentChange): FilterChange {
    return { before: this.#settings, after: settingsOf(document), entries };
  }

  /** Every chain of every table. */
  ruleSet(): RuleSet {
    return { ...this.firewall.ruleSet(), nat: this.nat.chains() };
  }

  /** A built-in chain. Undefined where it is left empty. */
  baseChain(table: TableName, name: string): Chain | undefined {
    return table === 'nat' ? this.nat.baseChain(name) : this.firewall.baseChain(table, name);
  }

  /** Every set. */
  sets(): IpSet[] {
    return this.firewall.sets();
  }

  /** Moves to the state after a change and says what differs. */
  advance(change: FilterChange): FilterStep {
    this.#moveAddresses(change);
    if (this.isBalancing) this.#moveBalancing(change);
    const natTouched = this.#moveNat(change);
    const natChains = this.nat.takeChanges();
    this.#withdrawIngress(change, natTouched);
    const withdrawn = natChains.size === 0 ? new Map<string, Chain | null>() : this.firewall.ingress.takeChanges();
    this.#moveFirewall(change);
    const { raw, mangle, filter } = this.firewall.takeChanges();
    return {
      withdrawn,
      tables: { raw, mangle, nat: natChains, filter },
      lists: this.firewall.lists.takeChanges(),
      addresses: this.firewall.publicAddresses.takeChanges(),
    };
  }

  #moveAddresses({ before, after, entries }: FilterChange): void {
    const { publicAddresses } = this.firewall;
    for (const address of addressesOf(after)) publicAddresses.retain(address);
    for (const address of addressesOf(before)) publicAddresses.release(address);
    for (const change of entries['routing.publicAddresses']) {
      if (change.after !== undefined) publicAddresses.retain(change.after.address);
      if (change.before !== undefined) publicAddresses.release(change.before.address);
    }
    for (const name of ['nat.portForwards', 'nat.staticNats', 'firewall.ingress'] as const) {
      for (const change of entries[name]) {
        if (change.after !== undefined) publicAddresses.retain(change.after.publicAddress);
        if (change.before !== undefined) publicAddresses.release(change.before.publicAddress);
      }
    }
  }

  #moveBalancing({ entries }: FilterChange): void {
    const { publicAddresses, listeners } = this.firewall;
    for (const { id, before, after } of entries['loadBalancing.rules']) {
      if (before !== undefined) this.index.removeForward(id, claimOf(before));
      if (after === undefined) listeners.remove(id);
      else {
        this.index.putForward(id, claimOf(after));
        listeners.put(id, after);
        publicAddresses.retain(after.publicAddress);
      }
      if (before !== undefined) publicAddresses.release(before.publicAddress);
    }
  }

  /** Answers with the public addresses whose translation changes. */
  #moveNat({ before, after, entries }: FilterChange): Set<Ipv4Address> {
    if (after !== null && after.nat !== before?.nat) this.nat.set(after.nat);
    const touched = new Set<Ipv4Address>();
    for (const { id, before: old, after: entry } of entries['nat.portForwards']) {
      if (old !== undefined) this.index.removeForward(id, old);
      if (entry === undefined) this.nat.removePortForward(id);
      else {
        this.index.putForward(id, entry);
        this.nat.putPortForward(id, entry);
      }
      this.#touch(touched, old, entry);
    }
    for (const { id, before: old, after: entry } of entries['nat.staticNats']) {
      if (old !== undefined) this.index.removeStatic(id, old);
      if (entry === undefined) this.nat.removeStaticNat(id);
      else {
        this.index.putStatic(id, entry);
        this.nat.putStaticNat(id, entry);
      }
      this.#touch(touched, old, entry);
    }
    if (this.isBalancing) for (const each of this.#balancers.move(entries, this.nat)) touched.add(each);
    return touched;
  }

  #touch(
    touched: Set<Ipv4Address>,
    ...entries: readonly (RouterEntry<'nat.portForwards' | 'nat.staticNats'> | undefined)[]
  ) {
    for (const entry of entries) if (entry !== undefined) touched.add(entry.publicAddress);
  }

  /** Takes out the ingress rules that go, and those that change while their address leads somewhere else. */
  #withdrawIngress({ entries }: FilterChange, natTouched: ReadonlySet<Ipv4Address>): void {
    for (const { id, before, after } of entries['firewall.ingress']) {
      const moves = [before, after].some((rule) => rule !== undefined && natTouched.has(rule.publicAddress));
      if (after === undefined || moves) this.firewall.ingress.remove(id);
    }
  }

  #moveFirewall({ before, after, entries }: FilterChange): void {
    for (const { id, after: rule } of entries['firewall.ingress']) {
      if (rule !== undefined) this.firewall.ingress.put(id, rule);
    }
    for (const { id, after: rule } of entries['firewall.egress']) {
      if (rule === undefined) this.firewall.egress.remove(id);
      else this.firewall.egress.put(id, rule);
    }
    for (const { id, before: old, after: rule } of entries['firewall.routed']) {
      const { egress, inbound } = this.firewall;
      if (old !== undefined && old.direction !== rule?.direction)
        (old.direction === 'egress' ? egress : inbound).remove(id);
      if (rule !== undefined) (rule.direction === 'egress' ? egress : inbound).put(id, rule);
    }
    const isBase = (['nat', 'firewall', 'metadata'] as const).some((name) => after?.[name] !== before?.[name]);
    if (after !== null && isBase) this.#setBase(after);
    this.#settings = after;
  }

  #setBase({ nat, firewall, metadata: { enabled, addresses } }: FilterSettings): void {
    const { guestInterface, guestNetwork, guestAddress, publicInterface } = nat;
    const outside = publicInterface === undefined ? {} : { publicInterface };
    const control = this.#control === undefined ? {} : { control: this.#control };
    const isRouted = firewall.isRouted === true;
    const base = {
      guestInterface,
      guestNetwork,
      guestAddress,
      metadata: enabled ? addresses : [],
      isRouted,
      ...outside,
      ...control,
    };
    this.firewall.set(base, firewall.egressDefault);
  }
}
