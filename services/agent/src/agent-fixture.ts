// For the agent's tests: services that serve in memory and fail to order, a document, and pushes of it.
import {
  collectionNames,
  DocumentDigest,
  type Identity,
  type PortForward,
  type Push,
  type RouterDocument,
  type RouterSettings,
  sectionNames,
} from '@isthmus/contract';
import { type Files, type Host, ManualClock, MemoryFiles, noSockets, scriptedRunner, silentLog } from '@isthmus/host';
import {
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import type { DocumentChange, RouterService, ServicePlan } from '@isthmus/router';
import { type Agent, createAgent } from './agent.ts';

const steps = ['check', 'plan', 'stage', 'apply', 'verify', 'commit', 'revert'] as const;
export type Step = (typeof steps)[number];

/** Serves a document's text in memory. Each step is noted in `trace`; a step named in `failing` throws midway. */
export class FakeService implements RouterService {
  readonly name: string;
  readonly failing = new Set<Step | 'health' | 'heal'>();
  readonly trace: string[];
  readonly clock: ManualClock;
  /** What is in force: as text, or `halfway` where an apply stopped. */
  served = '';
  healthy = true;
  checkEveryMs = 0;
  whenIdle?: () => Promise<void>;

  constructor(name: string, trace: string[], clock: ManualClock) {
    this.name = name;
    this.clock = clock;
    this.trace = trace;
  }

  check(): [] {
    this.#step('check');
    return [];
  }

  plan(change: DocumentChange): ServicePlan {
    this.#step('plan');
    const before = this.served;
    const after = textOf(change.document);
    return {
      stage: async () => this.#step('stage'),
      apply: async () => {
        this.served = 'halfway';
        this.#step('apply');
        this.served = after;
      },
      verify: async () => this.#step('verify'),
      commit: async () => this.#step('commit'),
      revert: async () => {
        this.#step('revert');
        this.served = before;
      },
    };
  }

  async health() {
    this.#step('health');
    return {
      service: this.name,
      healthy: this.healthy,
      detail: 'as told',
      checkedAt: new Date(this.clock.now()).toISOString(),
    };
  }

  async heal(): Promise<void> {
    this.#step('heal');
    this.healthy = true;
  }

  async release(): Promise<void> {
    this.trace.push(`${this.name} release`);
  }

  async shutdown(): Promise<void> {
    this.trace.push(`${this.name} shutdown`);
  }

  #step(step: Step | 'health' | 'heal'): void {
    this.trace.push(`${this.name} ${step}`);
    if (this.failing.has(step)) throw new Error(`${step} of ${this.name} fails to order`);
  }
}

/** A document's whole content as text, whatever the order of its entries. */
export function textOf(document: RouterDocument): string {
  const entries = collectionNames.map((name) => [
    name,
    [...document.entries[name]].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return JSON.stringify([sectionNames.map((name) => document.settings[name]), entries]);
}

const guest = parseInterfaceName('eth0');
const outside = parseInterfaceName('eth2');

export const settings: RouterSettings = {
  system: { hostname: parseHostname('r-1'), domain: parseFqdn('cs1.internal'), conntrackMax: 65_536 },
  routing: {
    interfaces: [
      {
        name: guest,
        role: 'guest',
        macAddress: parseMacAddress('02:00:00:00:00:01'),
        mtu: 1500,
        address: parseIpv4Address('10.1.1.1'),
        prefixLength: 24,
      },
    ],
  },
  dhcp: {
    interface: guest,
    network: parseIpv4Cidr('10.1.1.0/24'),
    router: parseIpv4Address('10.1.1.1'),
    dnsServers: [parseIpv4Address('10.1.1.1')],
    domain: parseFqdn('cs1.internal'),
    leaseTimeSeconds: 3600,
  },
  dns: { interface: guest, domain: parseFqdn('cs1.internal'), forwarders: [] },
  metadata: { enabled: false, interface: guest, addresses: [] },
  loadBalancing: { enabled: false, maxConnections: 1000, hardStopAfterMs: 86_400_000 },
  nat: {
    guestInterface: guest,
    guestNetwork: parseIpv4Cidr('10.1.1.0/24'),
    guestAddress: parseIpv4Address('10.1.1.1'),
    publicInterface: outside,
  },
  firewall: { guestInterface: guest, guestNetwork: parseIpv4Cidr('10.1.1.0/24'), egressDefault: 'allow' },
};

export function forward(port: number): PortForward {
  return {
    publicAddress: parseIpv4Address('203.0.113.2'),
    protocol: 'tcp',
    publicPorts: { first: port, last: port },
    privateAddress: parseIpv4Address('10.1.1.10'),
    privatePorts: { first: port, last: port },
  };
}

export const epoch = '00000000-0000-4000-8000-000000000000';

/** Makes pushes as an orchestrator does: keeps the digest and the generation of what it has sent. */
export class Pusher {
  readonly #digest = new DocumentDigest();
  readonly #forwards = new Map<string, PortForward>();
  #last: Identity | null = null;
  fencingToken = 1;

  constructor() {
    for (const section of sectionNames) this.#digest.setSettings(section, settings[section]);
  }

  #next(base: Identity | null, rest: Pick<Push, 'settings' | 'entries'>): Push {
    const target = { epoch, generation: (this.#last?.generation ?? 0) + 1, hash: this.#digest.value() };
    this.#last = target;
    return { fencingToken: this.fencingToken, base, target, ...rest };
  }

  full(): Push {
    const upsert = Object.fromEntries(this.#forwards);
    return this.#next(null, { settings, entries: { 'nat.portForwards': { upsert, remove: [] } } });
  }

  add(port: number): Push {
    const base = this.#last;
    const id = `forward-${port}`;
    this.#forwards.set(id, forward(port));
    this.#digest.setEntry('nat.portForwards', id, forward(port));
    return this.#next(base, {
      settings: {},
      entries: { 'nat.portForwards': { upsert: { [id]: forward(port) }, remove: [] } },
    });
  }

  remove(port: number): Push {
    const base = this.#last;
    const id = `forward-${port}`;
    this.#forwards.delete(id);
    this.#digest.removeEntry('nat.portForwards', id);
    return this.#next(base, { settings: {}, entries: { 'nat.portForwards': { upsert: {}, remove: [id] } } });
  }

  /** Forgets the last push, as one does whose push was refused; `undo` takes its change back. */
  refused(identity: Identity, undo: 'add' | 'remove', port: number): void {
    const id = `forward-${port}`;
    if (undo === 'add') {
      this.#forwards.delete(id);
      this.#digest.removeEntry('nat.portForwards', id);
    } else {
      this.#forwards.set(id, forward(port));
      this.#digest.setEntry('nat.portForwards', id, forward(port));
    }
    this.#last = identity;
  }
}

export interface Bench {
  readonly agent: Agent;
  readonly services: readonly FakeService[];
  readonly trace: string[];
  readonly files: Files;
  readonly clock: ManualClock;
}

/** An agent over fake services `first` and `second`. The same `files` in a second bench: a restart. */
export async function bench(files: Files = new MemoryFiles(), journalLimitBytes = 256 * 1024): Promise<Bench> {
  const trace: string[] = [];
  const clock = new ManualClock();
  const services = [new FakeService('first', trace, clock), new FakeService('second', trace, clock)];
  const host: Host = { commands: scriptedRunner([]), files, clock, log: silentLog, sockets: noSockets };
  const agent = await createAgent({ host, paths: { state: '/state', run: '/run' }, services, journalLimitBytes });
  return { agent, services, trace, files, clock };
}
