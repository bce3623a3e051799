import type { IngressRule } from '@isthmus/contract';
import { type Chain, DispatchTree } from '@isthmus/iptables-ts';
import { ipv4Network } from '@isthmus/net';
import { type CidrLists, joinMatches } from './cidr-lists.ts';
import { protocolMatch } from './protocol-match.ts';

/** The ingress rules as a search tree by public address and port: ACCEPT, or back to the caller. */
export class IngressRules {
  readonly #tree: DispatchTree;
  readonly #lists: CidrLists;
  readonly #entries = new Map<string, IngressRule>();

  constructor(namePrefix: string, lists: CidrLists) {
    this.#tree = new DispatchTree({ chainPrefix: `${namePrefix}i-`, match: 'destination' });
    this.#lists = lists;
  }

  /** The chain to jump to. */
  get root(): string {
    return this.#tree.root;
  }

  /** Adds or replaces a rule. */
  put(id: string, entry: IngressRule): void {
    const { publicAddress: address, protocol, ports } = entry;
    const sources = this.#lists.retain(entry.sources, 'src');
    const match = joinMatches({ destination: ipv4Network(address, 32), ...protocolMatch<4>(entry, 'icmp') }, sources);
    this.remove(id);
    this.#tree.put(id, { address, protocol, ...(ports === undefined ? {} : { ports }) }, [
      { match, target: { kind: 'ACCEPT' } },
    ]);
    this.#entries.set(id, entry);
  }

  /** Takes a rule out and answers with it; undefined where there was none. */
  remove(id: string): IngressRule | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#tree.remove(id);
    this.#entries.delete(id);
    this.#lists.release(entry.sources);
    return entry;
  }

  chains(): ReadonlyMap<string, Chain> {
    return this.#tree.chains();
  }

  takeChanges(): ReadonlyMap<string, Chain | null> {
    return this.#tree.takeChanges();
  }
}
