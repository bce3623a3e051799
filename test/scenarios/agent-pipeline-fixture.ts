// A router by hand, its agent in this process: a guest on a bridge, the lab's internet, pushes as an orchestrator makes
// them, and services that fail to order.
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
import { createNamespaceHost, type Host } from '@isthmus/host';
import {
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import type { RouterPaths, RouterService, ServicePlan } from '@isthmus/router';
import { internet, type Lab } from '../lab/index.ts';
import { addNamespace, plug } from '../lab/network.ts';

export const publicAddress = parseIpv4Address('203.0.113.10');
export const guestAddress = parseIpv4Address('10.1.1.10');
const routerAddress = parseIpv4Address('10.1.1.1');
const guestMac = parseMacAddress('02:00:00:00:01:10');
const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');
const domain = parseFqdn('cs1.internal');
const guestNetwork = parseIpv4Cidr('10.1.0.0/16');

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
  nat: {
    guestInterface: eth0,
    guestNetwork,
    guestAddress: routerAddress,
    publicInterface: eth2,
    sourceNatAddress: publicAddress,
  },
  firewall: { guestInterface: eth0, publicInterface: eth2, guestNetwork, egressDefault: 'allow' },
};

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

export interface Wires {
  readonly router: Host;
  readonly guest: Host;
  readonly paths: RouterPaths;
}

/** A router's namespace and a guest's, wired to the lab's host; nothing of them configured yet. */
export async function wire(lab: Lab): Promise<Wires> {
  const [router, guest, hostNamespace] = ['router', 'guest', 'host'].map((name) => `lab-${lab.installation}-${name}`);
  if (router === undefined || guest === undefined || hostNamespace === undefined) throw new Error('unreachable');
  for (const name of [router, guest]) await addNamespace(lab.machine, name);
  const bridge = 'gst0';
  await lab.host.commands.run('ip', ['link', 'add', 'name', bridge, 'up', 'type', 'bridge', 'forward_delay', '0']);
  const [inside, outside] = settings.routing.interfaces;
  const nic = (port: string, name: string, macAddress: string) => ({ port, name, macAddress });
  await plug(lab.machine, { hostNamespace, namespace: router, bridge }, nic('p1', 'eth0', inside?.macAddress ?? ''));
  await plug(
    lab.machine,
    { hostNamespace, namespace: router, bridge: internet.bridge },
    nic('p2', 'eth2', outside?.macAddress ?? ''),
  );
  await plug(lab.machine, { hostNamespace, namespace: guest, bridge }, nic('p3', 'eth0', guestMac));
  return {
    router: createNamespaceHost(lab.machine, router),
    guest: createNamespaceHost(lab.machine, guest),
    paths: { state: `${lab.state}/router`, run: `${lab.run}/router` },
  };
}

/** Gets a lease by udhcpc and configures eth0 with it; answers with the client's words. Throws where there is none. */
export async function lease(lab: Lab, guest: Host): Promise<string> {
  const script = `${lab.run}/udhcpc-script`;
  const text = `#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip route replace default via "$router" dev "$interface"
echo "lease $ip router $router dns $dns domain $domain hostname $hostname"
`;
  await lab.machine.files.writeText(script, text, { mode: 0o755 });
  const args = ['-f', '-n', '-q', '-t', '5', '-T', '1', '-i', 'eth0', '-s', script, '-x', 'hostname:guest'];
  const { stdout, stderr } = await guest.commands.run('udhcpc', args, { timeoutMs: 15_000 });
  return stdout + stderr;
}

export const failingSteps = ['stage', 'apply', 'verify'] as const;

/**
 * One fault: the step throws before it has done anything, or after it has done everything; or, as in a process that was
 * killed there, it never ends.
 */
export interface Fault {
  readonly service: string;
  readonly step: (typeof failingSteps)[number];
  readonly when: 'before' | 'after' | 'forever after';
}

/** Services whose plans fail as `order` says at the moment. */
export function failToOrder(services: readonly RouterService[], order: { fault: Fault | null }): RouterService[] {
  return services.map((service) => {
    const plan: RouterService['plan'] = (change) => {
      const real = service.plan(change);
      if (real === null) return null;
      const wrapped = (step: Fault['step']) => async () => {
        const { fault } = order;
        const isDue = fault?.service === service.name && fault.step === step;
        if (isDue && fault.when === 'before') throw new Error('fails to order');
        await real[step]();
        if (isDue && fault.when === 'forever after') await new Promise(() => {});
        if (isDue) throw new Error('fails to order');
      };
      const failing: ServicePlan = {
        stage: wrapped('stage'),
        apply: wrapped('apply'),
        verify: wrapped('verify'),
        commit: () => real.commit(),
        revert: () => real.revert(),
      };
      return failing;
    };
    // The rest is the service's own, with its private state.
    return new Proxy(service, {
      get: (target, key) => {
        if (key === 'plan') return plan;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  });
}
