// A router's document by hand, for tests and benchmarks that drive an agent without an orchestrator.
import {
  type CollectionName,
  collectionNames,
  DocumentDigest,
  type Identity,
  type Push,
  type RouterEntry,
  type RouterSettings,
  sectionNames,
} from '@isthmus/contract';
import {
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import { internet } from './network.ts';

export const publicAddress = parseIpv4Address('203.0.113.10');
export const guestAddress = parseIpv4Address('10.1.1.10');
const routerAddress = parseIpv4Address('10.1.1.1');
export const guestMac = parseMacAddress('02:00:00:00:01:10');
const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');
const domain = parseFqdn('cs1.internal');
const guestNetwork = parseIpv4Cidr('10.1.0.0/16');

/** Guests in 10.1.0.0/16, the router at 10.1.1.1 there, and source NAT behind 203.0.113.10. */
export const settings: RouterSettings = {
  system: { hostname: parseHostname('r-1'), domain, conntrackMax: 65_536 },
  routing: {
    interfaces: [
      {
        name: eth0,
        role: 'guest',
        macAddress: parseMacAddress('02:00:00:00:00:01'),
        mtu: 1500,
        address: routerAddress,
        prefixLength: 16,
      },
      {
        name: eth2,
        role: 'public',
        macAddress: parseMacAddress('02:00:00:00:00:02'),
        mtu: 1500,
        address: publicAddress,
        prefixLength: 24,
      },
    ],
    defaultGateway: { address: parseIpv4Address(internet.gateway), interface: eth2 },
  },
  dhcp: {
    interface: eth0,
    network: guestNetwork,
    router: routerAddress,
    dnsServers: [routerAddress],
    domain,
    leaseTimeSeconds: 3600,
  },
  dns: { interface: eth0, domain, forwarders: [parseIpv4Address(internet.dns)] },
  metadata: { enabled: false, interface: eth0, addresses: [] },
  loadBalancing: { enabled: false, maxConnections: 1000, hardStopAfterMs: 86_400_000 },
  nat: {
    guestInterface: eth0,
    guestNetwork,
    guestAddress: routerAddress,
    publicInterface: eth2,
    sourceNatAddress: publicAddress,
  },
  firewall: { guestInterface: eth0, publicInterface: eth2, guestNetwork, egressDefault: 'allow' },
};

/** One TCP port of the public address to the guest. */
export function portForward(publicPort: number, privatePort: number): RouterEntry<'nat.portForwards'> {
  return {
    publicAddress,
    protocol: 'tcp',
    publicPorts: { first: publicPort, last: publicPort },
    privateAddress: guestAddress,
    privatePorts: { first: privatePort, last: privatePort },
  };
}

/** The `number`-th reserved lease, from 0; not the guest's. */
export function dhcpHost(number: number): RouterEntry<'dhcp.hosts'> {
  const [high, low] = [(number >> 8) & 255, number & 255];
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  return {
    macAddress: parseMacAddress(`02:00:00:01:${hex(high)}:${hex(low)}`),
    address: parseIpv4Address(`10.1.${high + 2}.${low}`),
    hostname: parseHostname(`host-${number}`),
  };
}

export const guestHost: RouterEntry<'dhcp.hosts'> = {
  macAddress: guestMac,
  address: guestAddress,
  hostname: parseHostname('guest'),
};

/** Everything from anywhere to the router's public address. */
export const openIngress: RouterEntry<'firewall.ingress'> = {
  publicAddress,
  protocol: 'tcp',
  ports: { first: 1, last: 65_535 },
  sources: [],
};

/** 203.0.113.LAST. */
export function furtherAddress(last: number): RouterEntry<'routing.publicAddresses'> {
  return { address: parseIpv4Address(`203.0.113.${last}`), prefixLength: 24, interface: eth2 };
}

export type Upserts = { readonly [Name in CollectionName]?: Readonly<Record<string, RouterEntry<Name>>> };

/** The orchestrator's side: what the document is to be, and the pushes that lead there. */
export class DocumentWriter {
  readonly #digest = new DocumentDigest();
  readonly #settings: RouterSettings = structuredClone(settings);
  readonly #entries = new Map<CollectionName, Map<string, RouterEntry>>(
    collectionNames.map((name) => [name, new Map()]),
  );
  /** Of the last push. */
  identity: Identity | null = null;

  constructor() {
    for (const section of sectionNames) this.#digest.setSettings(section, settings[section]);
  }

  #push(base: Identity | null, rest: Pick<Push, 'settings' | 'entries'>): Push {
    const generation = (this.identity?.generation ?? 0) + 1;
    this.identity = { epoch: '00000000-0000-4000-8000-000000000001', generation, hash: this.#digest.value() };
    return { fencingToken: 1, base, target: this.identity, ...rest };
  }

  #put(upserts: Upserts): void {
    for (const name of collectionNames) {
      for (const [id, entry] of Object.entries(upserts[name] ?? {})) {
        this.#entries.get(name)?.set(id, entry);
        this.#digest.setEntry(name, id, entry);
      }
    }
  }

  /** The whole document, with these entries added. */
  full(upserts: Upserts = {}): Push {
    this.#put(upserts);
    const entries = [...this.#entries].map(([name, map]) => [name, { upsert: Object.fromEntries(map), remove: [] }]);
    return this.#push(null, { settings: this.#settings, entries: Object.fromEntries(entries) });
  }

  /** These entries and settings on top of the last push. */
  add(upserts: Upserts, changed: Partial<RouterSettings> = {}): Push {
    const base = this.identity;
    this.#put(upserts);
    for (const section of sectionNames) {
      if (changed[section] !== undefined) this.#digest.setSettings(section, changed[section]);
    }
    Object.assign(this.#settings, changed);
    const entries = Object.entries(upserts).map(([name, upsert]) => [name, { upsert, remove: [] }]);
    return this.#push(base, { settings: changed, entries: Object.fromEntries(entries) });
  }

  remove(name: CollectionName, id: string): Push {
    const base = this.identity;
    this.#entries.get(name)?.delete(id);
    this.#digest.removeEntry(name, id);
    return this.#push(base, { settings: {}, entries: { [name]: { upsert: {}, remove: [id] } } });
  }
}
