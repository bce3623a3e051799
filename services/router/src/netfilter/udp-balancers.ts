// The load balancers of UDP that the nat table carries, with their members, moved from one document to the next and back.
import type { LoadBalancerMember, LoadBalancerRule } from '@isthmus/contract';
import type { Ipv4Address } from '@isthmus/net';
import type { NatRules } from '@isthmus/templates/nat';
import type { EntryChange } from '../service.ts';

/** What a change does to load balancers. */
export interface BalancingChange {
  readonly 'loadBalancing.rules': readonly EntryChange<'loadBalancing.rules'>[];
  readonly 'loadBalancing.members': readonly EntryChange<'loadBalancing.members'>[];
}

/** The rules of UDP and their members, as the documents before this one left them. */
export class UdpBalancers {
  readonly #rules = new Map<string, LoadBalancerRule>();
  readonly #members = new Map<string, Map<string, LoadBalancerMember>>();

  /** Moves `nat` to the state after a change. Answers with the public addresses whose translation changes. */
  move(entries: BalancingChange, nat: NatRules): Set<Ipv4Address> {
    const touched = new Set<string>();
    const addresses = new Set<Ipv4Address>();
    for (const { id, before } of entries['loadBalancing.members']) {
      if (before !== undefined && this.#members.get(before.rule)?.delete(id) === true) touched.add(before.rule);
    }
    for (const { id, after } of entries['loadBalancing.members']) {
      if (after === undefined) continue;
      const members = this.#members.get(after.rule) ?? new Map<string, LoadBalancerMember>();
      this.#members.set(after.rule, members.set(id, after));
      touched.add(after.rule);
    }
    for (const { id, before, after } of entries['loadBalancing.rules']) {
      if (before?.protocol === 'udp') addresses.add(before.publicAddress);
      if (after === undefined) this.#rules.delete(id);
      else this.#rules.set(id, after);
      touched.add(id);
    }
    for (const id of touched) this.#put(id, nat, addresses);
    return addresses;
  }

  #put(id: string, nat: NatRules, addresses: Set<Ipv4Address>): void {
    const rule = this.#rules.get(id);
    const members = this.#members.get(id) ?? new Map<string, LoadBalancerMember>();
    if (members.size === 0) this.#members.delete(id);
    if (rule?.protocol !== 'udp') {
      nat.removeBalancer(id);
      return;
    }
    addresses.add(rule.publicAddress);
    nat.putBalancer(id, rule, members);
  }
}
