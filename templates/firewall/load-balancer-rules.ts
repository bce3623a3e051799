import type { LoadBalancerRule } from '@isthmus/contract';
import { type Chain, DispatchTree } from '@isthmus/iptables-ts';
import { ipv4Network, portRange } from '@isthmus/net';

/**
 * The listeners of load balancers on the router itself, as a search tree by public address and port: ACCEPT, or back to
 * the caller. Who may come that far, the ingress rules have decided in mangle. UDP is turned in the nat table and forwarded.
 */
export class LoadBalancerListeners {
  readonly #tree: DispatchTree;

  constructor(namePrefix: string) {
    this.#tree = new DispatchTree({ chainPrefix: `${namePrefix}b-`, match: 'destination' });
  }

  /** The chain to jump to. */
  get root(): string {
    return this.#tree.root;
  }

  /** Adds or replaces a rule. */
  put(id: string, { publicAddress: address, publicPort, protocol }: LoadBalancerRule): void {
    this.#tree.remove(id);
    if (protocol === 'udp') return;
    const ports = portRange(publicPort);
    const match = { destination: ipv4Network(address, 32), protocol: 'tcp', destinationPorts: ports } as const;
    this.#tree.put(id, { address, protocol: 'tcp', ports }, [{ match, target: { kind: 'ACCEPT' } }]);
  }

  /** Takes a rule out; no error where it is not there. */
  remove(id: string): void {
    this.#tree.remove(id);
  }

  chains(): ReadonlyMap<string, Chain> {
    return this.#tree.chains();
  }

  takeChanges(): ReadonlyMap<string, Chain | null> {
    return this.#tree.takeChanges();
  }
}
