// The nat table: which public address and port leads to which guest, and as which address a guest is seen outside.
import type { LoadBalancerMember, LoadBalancerRule, PortForward, RouterSettings, StaticNat } from '@isthmus/contract';
import { type Chain, DispatchTree, type Rule } from '@isthmus/iptables-ts';
import { type Ipv4Address, ipv4Network, type PortRange, portRange } from '@isthmus/net';
import { udpBalancerRules } from './load-balancer.ts';

/** Settings of the section `nat`. */
export type NatSettings = RouterSettings['nat'];

function host(address: Ipv4Address) {
  return ipv4Network(address, 32);
}

function samePorts(a: PortRange, b: PortRange): boolean {
  return a.first === b.first && a.last === b.last;
}

/** The DNAT rule of a port forward; in ranges the offset is kept, and where the ports are equal they stay untouched. */
export function portForwardRule(forward: PortForward): Rule {
  const { publicAddress, protocol, publicPorts, privateAddress, privatePorts } = forward;
  return {
    match: { destination: host(publicAddress), protocol, destinationPorts: publicPorts },
    target: {
      kind: 'DNAT',
      address: privateAddress,
      ...(samePorts(publicPorts, privatePorts) ? {} : { ports: privatePorts }),
    },
  };
}

function preroutingChain(dnatRoot: string): Chain {
  return { policy: 'ACCEPT', rules: [{ match: {}, target: { kind: 'jump', chain: dnatRoot } }] };
}

/**
 * POSTROUTING: a guest with static NAT leaves as its own public address, so that tree stands first; the other guests
 * leave as the source NAT address. A guest that reached another by a public address (hairpin) is seen as the router:
 * otherwise the answer would go straight back on the guest network, past the router, from an address never asked.
 */
function postroutingChain(settings: NatSettings, snatRoot: string): Chain {
  const { guestInterface, guestNetwork, guestAddress, publicInterface, sourceNatAddress } = settings;
  const rules: Rule[] = [];
  if (publicInterface !== undefined) {
    rules.push({ match: { outInterface: publicInterface }, target: { kind: 'jump', chain: snatRoot } });
  }
  if (publicInterface !== undefined && sourceNatAddress !== undefined) {
    rules.push({
      match: { source: guestNetwork, outInterface: publicInterface },
      target: { kind: 'SNAT', address: sourceNatAddress },
    });
  }
  rules.push({
    match: {
      source: guestNetwork,
      destination: guestNetwork,
      outInterface: guestInterface,
      conntrackStates: ['DNAT'],
    },
    target: { kind: 'SNAT', address: guestAddress },
  });
  return { policy: 'ACCEPT', rules };
}

/**
 * The nat table of one router, kept up under single changes: the chains follow from the settings and entries alone,
 * whatever the order of calls. Port forwards and static NATs share one search tree, since an address has either.
 */
export class NatRules {
  readonly #dnat: DispatchTree;
  readonly #snat: DispatchTree;
  readonly #base = new Map<string, Chain>();
  #baseChanged = new Set<string>();

  /** `namePrefix`: at most 6 characters; every user chain's name begins with it. */
  constructor(namePrefix: string) {
    this.#dnat = new DispatchTree({ chainPrefix: `${namePrefix}d-`, match: 'destination' });
    this.#snat = new DispatchTree({ chainPrefix: `${namePrefix}s-`, match: 'source' });
  }

  /** Sets what is not an entry: the built-in chains. */
  set(settings: NatSettings): void {
    this.#base.set('PREROUTING', preroutingChain(this.#dnat.root));
    this.#base.set('POSTROUTING', postroutingChain(settings, this.#snat.root));
    this.#baseChanged = new Set(this.#base.keys());
  }

  /** Adds or replaces a port forward. */
  putPortForward(id: string, forward: PortForward): void {
    const { publicAddress: address, protocol, publicPorts: ports } = forward;
    this.#dnat.put(`p ${id}`, { address, protocol, ports }, [portForwardRule(forward)]);
  }

  removePortForward(id: string): void {
    this.#dnat.remove(`p ${id}`);
  }

  /** Adds or replaces a load balancer of UDP; of any other protocol none stays. */
  putBalancer(id: string, rule: LoadBalancerRule, members: ReadonlyMap<string, LoadBalancerMember>): void {
    const { protocol, publicAddress: address, publicPort } = rule;
    this.removeBalancer(id);
    if (protocol !== 'udp') return;
    this.#dnat.put(`b ${id}`, { address, protocol, ports: portRange(publicPort) }, udpBalancerRules(rule, members));
  }

  removeBalancer(id: string): void {
    this.#dnat.remove(`b ${id}`);
  }

  /** Adds or replaces a static NAT: every protocol, both ways. */
  putStaticNat(id: string, { publicAddress, privateAddress }: StaticNat): void {
    this.#dnat.put(`s ${id}`, { address: publicAddress, protocol: 'all' }, [
      { match: { destination: host(publicAddress) }, target: { kind: 'DNAT', address: privateAddress } },
    ]);
    this.#snat.put(`s ${id}`, { address: privateAddress, protocol: 'all' }, [
      { match: { source: host(privateAddress) }, target: { kind: 'SNAT', address: publicAddress } },
    ]);
  }

  removeStaticNat(id: string): void {
    this.#dnat.remove(`s ${id}`);
    this.#snat.remove(`s ${id}`);
  }

  /** A built-in chain. */
  baseChain(name: string): Chain | undefined {
    return this.#base.get(name);
  }

  /** Every chain of the table, built-in ones included. */
  chains(): ReadonlyMap<string, Chain> {
    return new Map([...this.#base, ...this.#dnat.chains(), ...this.#snat.chains()]);
  }

  /** Chains that changed since the last call; null: gone. The first call answers with all of them. */
  takeChanges(): ReadonlyMap<string, Chain | null> {
    const base = [...this.#base].filter(([name]) => this.#baseChanged.has(name));
    this.#baseChanged = new Set();
    return new Map<string, Chain | null>([...base, ...this.#dnat.takeChanges(), ...this.#snat.takeChanges()]);
  }
}
