// For the tests of nat and firewall: the whole packet filter of one router, and random entries for it.
import type { EgressRule, IngressRule, PortForward, StaticNat } from '@isthmus/contract';
import type { Chain, RuleSet } from '@isthmus/iptables-ts';
import { type Ipv4Address, type Ipv4Cidr, parseInterfaceName, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import fc from 'fast-check';
import { NatRules } from '../nat/index.ts';
import { FirewallRules } from './index.ts';

export const guestInterface = parseInterfaceName('eth0');
export const publicInterface = parseInterfaceName('eth2');
export const address = (text: string): Ipv4Address => parseIpv4Address(text);
export const cidr = (text: string): Ipv4Cidr => parseIpv4Cidr(text);
export const ports = (first: number, last: number = first) => ({ first, last });

/** The plan: guests in 10.1.1.0/24, the router 10.1.1.1; 203.0.113.2 is the source NAT address. */
export const natSettings = {
  guestInterface,
  publicInterface,
  guestNetwork: cidr('10.1.1.0/24'),
  guestAddress: address('10.1.1.1'),
  sourceNatAddress: address('203.0.113.2'),
};

/** Entries of the four collections, by id. */
export interface Entries {
  readonly forwards?: Readonly<Record<string, PortForward>>;
  readonly statics?: Readonly<Record<string, StaticNat>>;
  readonly ingress?: Readonly<Record<string, IngressRule>>;
  readonly egress?: Readonly<Record<string, EgressRule>>;
}

/** Nat and firewall rules of one router, as the service keeps them. */
export class PacketFilter {
  readonly nat: NatRules;
  readonly firewall: FirewallRules;

  constructor(entries: Entries = {}, egressDefault: 'allow' | 'deny' = 'allow') {
    this.nat = new NatRules('demo');
    this.firewall = new FirewallRules('demo');
    this.nat.set(natSettings);
    this.firewall.set(natSettings, egressDefault);
    this.firewall.publicAddresses.retain(natSettings.sourceNatAddress);
    for (const [id, entry] of Object.entries(entries.forwards ?? {})) {
      this.nat.putPortForward(id, entry);
      this.firewall.publicAddresses.retain(entry.publicAddress);
    }
    for (const [id, entry] of Object.entries(entries.statics ?? {})) {
      this.nat.putStaticNat(id, entry);
      this.firewall.publicAddresses.retain(entry.publicAddress);
    }
    for (const [id, entry] of Object.entries(entries.ingress ?? {})) {
      this.firewall.ingress.put(id, entry);
      this.firewall.publicAddresses.retain(entry.publicAddress);
    }
    for (const [id, entry] of Object.entries(entries.egress ?? {})) this.firewall.egress.put(id, entry);
  }

  get ruleSet(): RuleSet {
    return { ...this.firewall.ruleSet(), nat: this.nat.chains() };
  }
}

/** The chains after some changes. */
export function changed(
  chains: ReadonlyMap<string, Chain>,
  changes: ReadonlyMap<string, Chain | null>,
): Map<string, Chain> {
  const after = new Map(chains);
  for (const [name, chain] of changes) {
    if (chain === null) after.delete(name);
    else after.set(name, chain);
  }
  return after;
}

const someAddress = fc.constantFrom('203.0.113.3', '203.0.113.4', '203.0.114.9', '198.51.100.7').map(address);
const guest = fc.integer({ min: 2, max: 254 }).map((last) => address(`10.1.1.${last}`));
const range = fc
  .tuple(fc.integer({ min: 1, max: 65535 }), fc.constantFrom(0, 0, 0, 3, 700))
  .map(([first, more]) => ports(first, Math.min(65535, first + more)));
const someCidrs = fc.array(
  fc.constantFrom('0.0.0.0/0', '192.0.2.0/24', '198.51.100.0/25', '203.0.113.77/32', '10.1.1.0/24').map(cidr),
  { maxLength: 3 },
);
const protocolFields = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const), ports: range }),
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const, 'all' as const) }),
  fc.record({
    protocol: fc.constant('icmp' as const),
    icmp: fc.constantFrom({ type: -1, code: -1 }, { type: 8, code: -1 }, { type: 3, code: 4 }),
  }),
);

export const anyForward: fc.Arbitrary<PortForward> = fc
  .record({
    publicAddress: someAddress,
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    publicPorts: range,
    privateAddress: guest,
    isMoved: fc.boolean(),
  })
  .map(({ isMoved, ...forward }) => {
    const { first, last } = forward.publicPorts;
    return { ...forward, privatePorts: isMoved && last < 65000 ? ports(first + 100, last + 100) : ports(first, last) };
  });
export const anyStatic: fc.Arbitrary<StaticNat> = fc.record({ publicAddress: someAddress, privateAddress: guest });
export const anyIngress: fc.Arbitrary<IngressRule> = fc
  .tuple(protocolFields, someAddress, someCidrs)
  .map(([fields, publicAddress, sources]) => ({ ...fields, publicAddress, sources }));
export const anyEgress: fc.Arbitrary<EgressRule> = fc
  .tuple(protocolFields, someCidrs, someCidrs)
  .map(([fields, sources, destinations]) => ({ ...fields, sources, destinations }));

/** Puts (an entry) and removals (null) of a few ids, in order. */
export function steps<Entry>(entry: fc.Arbitrary<Entry>): fc.Arbitrary<[string, Entry | null][]> {
  const id = fc.integer({ min: 0, max: 40 }).map((number) => `id-${number}`);
  return fc.array(fc.tuple(id, fc.option(entry, { freq: 4 })), { maxLength: 120 });
}

/** What is left after the steps. */
export function remaining<Entry>(steps: readonly (readonly [string, Entry | null])[]): [string, Entry][] {
  const left = new Map<string, Entry>();
  for (const [id, entry] of steps) {
    left.delete(id);
    if (entry !== null) left.set(id, entry);
  }
  return [...left];
}
