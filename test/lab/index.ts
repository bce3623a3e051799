// The lab: a host, an internet and whatever the host agent makes, all in namespaces of their own. For scenario tests and
// benchmarks; needs root. Many labs can be at once.
//
//   const lab = await labFor(t);                 made for one ava test, and torn down after it, also when it fails
//   const lab = await createLab();               the same by hand: call lab.teardown() in the end
//
//   lab.installation      the four characters in every name; lab.state, lab.run: the host agent's directories
//   lab.agent             client of the host agent's API (HostAgentClient): putAppliance, push, putInstance …
//   lab.socket            path of the host agent's socket, for an orchestrator under test
//   lab.publicSegment     the public segment: bridge `pub0`, gateway 203.0.113.1/24, which the internet has
//   lab.guestSegment(n)   a guest segment with vni n
//   lab.host              Host whose commands run in the lab's "machine" (bridges, ebtables)
//   lab.internet          Host whose commands run in the internet: 198.51.100.10 serves HTTP (80) and TCP and UDP echo
//                         (7), 198.51.100.53 DNS for www.example.org; further source addresses are 198.51.100.20 and .30
//   lab.router(id)        Host inside a router's namespace; lab.instance(id): inside an instance's
//   lab.routerProcesses(id), lab.instanceProcesses(id)
//                         ids of the processes in their namespaces
//   lab.addGuest({name, segment, macAddress, address?})
//                         a namespace of the lab's own on a guest segment, without port security, DHCP client or server;
//                         the segment must have a NIC of the host agent already. Answers with its Host
//   lab.startHostAgent()  started already by createLab unless `hostAgent: false`; lab.killHostAgent(signal) ends it
//   createLab({hosts: ['libvirt', 'namespace']})
//                         a lab of hypervisors (hypervisor.ts), each with a host agent of that driver and a BMC:
//                         lab.hypervisors, lab.bmcs; lab.cutPower(n) and lab.restorePower(n), n from 0. lab.host is the
//                         first one, and lab.instance(id) is a namespace or a VM's console, wherever the instance runs
//   lab.startDaemon(host, file, args)
//                         a process that teardown ends; answers with {pid, logPath}
//   lab.startEcho(host, address)
//                         HTTP on 80 and TCP and UDP echo on 7, on an address of a namespace; see also `ports`
//   lab.startStream(host, address, port, from?)
//                         a TCP connection to an echo server with a line each 10 ms; stop() answers with
//                         {sent, received, longestGapMs, error}
//
// Clients are in clients.ts: httpGet, seenAs, answererOf, udpEchoes, pings, dig, waitFor. They take a Host.
// teardown() ends every process, removes every namespace and file, and throws where anything is left.
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import {
  type ApplianceReport,
  type DriverName,
  type InstanceReport,
  isInstallationId,
  type Segment,
} from '@isthmus/contract';
import { createHost, createLog, createNamespaceHost, type Host } from '@isthmus/host';
import { guestBridgeName, namespaceName, socketPath } from '@isthmus/host-agent';
import { parseInterfaceName, parseIpv4Address } from '@isthmus/net';
import { waitFor } from './clients.ts';
import { HostAgentClient } from './host-agent-client.ts';
import { Hypervisors } from './hypervisors.ts';
import { findLeaks, namespacesOf } from './leaks.ts';
import { addNamespace, internet, plug, wireInternet } from './network.ts';

export * from './clients.ts';
export * from './host-agent-client.ts';
export type { Hypervisors } from './hypervisors.ts';
export { findLeaks } from './leaks.ts';
export { internet } from './network.ts';

export interface LabOptions {
  /** Starts the host agent. Default true. Those of several hypervisors are started with the token that they join by. */
  readonly hostAgent?: boolean;
  /** Drivers of the hypervisors to make, the first one's first. Default: one host without a power switch, of namespaces. */
  readonly hosts?: readonly DriverName[];
  /** Bytes that each hypervisor has for all that its host agent keeps. Default: as many as the machine. */
  readonly diskBytes?: number;
  /** Level of the commands' log on standard error. Default `warn`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** What a stream client saw. `longestGapMs` is the longest time between two echoes; `error` null where it never broke. */
export interface StreamReport {
  readonly sent: number;
  readonly received: number;
  readonly longestGapMs: number;
  readonly error: string | null;
}

/** A connection that `Lab.startStream` keeps. */
export interface Stream {
  stop(): Promise<StreamReport>;
}

export interface Daemon {
  readonly pid: number;
  readonly logPath: string;
}

const path = (name: string) => new URL(name, import.meta.url).pathname;
/** The host agent's program. */
export const hostAgentProgram = path('../../host-agent/src/main.ts');
const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

export class Lab {
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly socket: string;
  readonly agent: HostAgentClient;
  /** The machine itself, outside of the lab. */
  readonly machine: Host;
  readonly host: Host;
  readonly internet: Host;
  readonly publicSegment: Segment;
  /** Null where the lab's one host is a network namespace alone. */
  readonly #hypervisors: Hypervisors | null;
  #logs = 0;
  #guests = 0;
  #hostAgent: number | null = null;

  constructor(installation: string, options: LabOptions) {
    this.installation = installation;
    this.state = `/var/lib/isthmus/${installation}`;
    this.run = `/run/isthmus/${installation}`;
    this.socket = socketPath(this.run);
    this.agent = new HostAgentClient(this.socket);
    this.machine = createHost({ log: createLog({ level: options.logLevel ?? 'warn', fields: { lab: installation } }) });
    this.#hypervisors = options.hosts === undefined ? null : new Hypervisors(this, options.hosts, options.diskBytes);
    this.host = this.#hypervisors?.all[0]?.host ?? createNamespaceHost(this.machine, `lab-${installation}-host`);
    this.internet = createNamespaceHost(this.machine, `lab-${installation}-inet`);
    this.publicSegment = {
      kind: 'public',
      id: 'public',
      bridge: parseInterfaceName(internet.bridge),
      gateway: parseIpv4Address(internet.gateway),
      prefixLength: 24,
    };
  }

  /** Makes the namespaces and starts what serves in them. */
  async build(options: LabOptions): Promise<void> {
    await this.machine.files.makeDirectory(this.state);
    await this.machine.files.makeDirectory(this.run, { mode: 0o711 });
    if (this.#hypervisors === null) {
      const names = [`lab-${this.installation}-host`, `lab-${this.installation}-inet`] as const;
      for (const name of names) await addNamespace(this.machine, name);
      await wireInternet(this.machine, ...names);
    } else {
      await this.#hypervisors.build();
    }
    await Promise.all([
      this.startEcho(this.internet, internet.server),
      this.#startDns(),
      options.hostAgent === false || this.#hypervisors?.isJoined === true ? null : this.startHostAgent(),
    ]);
  }

  /** The lab's hypervisors. Throws where it has none. */
  get hypervisors(): Hypervisors {
    if (this.#hypervisors === null) throw new Error('the lab has no hypervisors');
    return this.#hypervisors;
  }

  get hasHypervisors(): boolean {
    return this.#hypervisors !== null;
  }

  /** Where an orchestrator runs: on the management network where hosts join by it, else on the machine itself. */
  get orchestratorHost(): Host {
    return this.#hypervisors?.isJoined === true ? this.#hypervisors.management : this.machine;
  }

  guestSegment(vni: number): Segment {
    return { kind: 'guest', id: `guest-${vni}`, vni };
  }

  router(id: string): Host {
    if (this.#hypervisors !== null) return this.#hypervisors.router(id);
    return createNamespaceHost(this.machine, namespaceName(this.installation, 'r', id));
  }

  instance(id: string): Host {
    if (this.#hypervisors !== null) return this.#hypervisors.instance(id);
    return createNamespaceHost(this.machine, namespaceName(this.installation, 'i', id));
  }

  /** The address that an instance has by DHCP; null until then. */
  async leasedAddress(id: string): Promise<string | null> {
    if (this.#hypervisors !== null) return this.#hypervisors.leasedAddress(id);
    return (await this.agent.instance(id)).address;
  }

  /** The machine on which an instance's namespace has its name. */
  async machineOf(instanceId: string): Promise<Host> {
    return this.#hypervisors === null ? this.machine : this.#hypervisors.machineOf('i', instanceId);
  }

  /** What all host agents report of instances. */
  async instances(): Promise<InstanceReport[]> {
    const agents = this.#hypervisors?.agents ?? [this.agent];
    return (await Promise.all(agents.map((agent) => agent.instances()))).flat();
  }

  /** What all host agents report of routers. */
  async appliances(): Promise<ApplianceReport[]> {
    const agents = this.#hypervisors?.agents ?? [this.agent];
    return (await Promise.all(agents.map((agent) => agent.appliances()))).flat();
  }

  /** Process id of the host agent that carries the routers. */
  async hostAgentPid(): Promise<number> {
    return (await (this.#hypervisors?.agents[0] ?? this.agent).host()).pid;
  }

  /** Process ids of a router (in its namespace, or its QEMU's), sorted; empty where there is none. */
  async routerProcesses(id: string): Promise<number[]> {
    if (this.#hypervisors !== null) {
      const emulators = await this.#hypervisors.emulators('r', id);
      if (emulators.length > 0) return emulators.map(({ pid }) => pid);
    }
    return this.#processesIn(namespaceName(this.installation, 'r', id));
  }

  /** Process ids in an instance's namespace, sorted; empty where there is none. */
  instanceProcesses(id: string): Promise<number[]> {
    return this.#processesIn(namespaceName(this.installation, 'i', id));
  }

  async addGuest(guest: {
    readonly name: string;
    readonly segment: Segment;
    readonly macAddress: string;
    readonly address?: string;
  }): Promise<Host> {
    const { name, segment, macAddress, address } = guest;
    const namespace = `lab-${this.installation}-${name}`;
    const bridge = segment.kind === 'guest' ? guestBridgeName(this.installation, segment.vni) : internet.bridge;
    await addNamespace(this.machine, namespace);
    this.#guests += 1;
    const nic = { name: 'eth0', port: `lab${this.#guests}`, macAddress };
    const where = { hostNamespace: `lab-${this.installation}-host`, namespace, bridge };
    await plug(this.machine, where, address === undefined ? nic : { ...nic, address });
    return createNamespaceHost(this.machine, namespace);
  }

  /** Starts the host agent (of the first hypervisor) as a process of its own and waits until it answers. */
  async startHostAgent(): Promise<void> {
    if (this.#hypervisors !== null) return this.#hypervisors.startHostAgent(0);
    const args = ['--installation', this.installation, '--state', this.state, '--run', this.run];
    this.#hostAgent = (await this.startDaemon(this.host, process.execPath, [hostAgentProgram, ...args])).pid;
    await waitFor('the host agent answers', () => this.agent.host().catch(() => null));
  }

  /** Ends the host agent and waits until it is gone. */
  async killHostAgent(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#hypervisors !== null) return this.#hypervisors.killHostAgent(0, signal);
    const pid = this.#hostAgent;
    if (pid === null) throw new Error('the lab has no host agent that runs');
    this.machine.commands.signal(pid, signal);
    await waitFor('the host agent ends', async () => !(await this.machine.commands.isRunning(pid, process.execPath)));
    this.#hostAgent = null;
  }

  async startDaemon(host: Host, file: string, args: readonly string[]): Promise<Daemon> {
    this.#logs += 1;
    const logPath = `${this.run}/lab-${this.#logs}.log`;
    const coverage = process.env.NODE_V8_COVERAGE;
    const env = coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage };
    const pid = await host.commands.startDaemon(file, args, { logPath, env });
    return { pid, logPath };
  }

  async startEcho(
    host: Host,
    address: string,
    ports: { readonly http: number; readonly echo: number } = { http: 80, echo: 7 },
  ): Promise<Daemon> {
    const args = [path('programs/echo-server.ts'), address, String(ports.http), String(ports.echo)];
    const daemon = await this.startDaemon(host, process.execPath, args);
    await this.#says(daemon, 'ready');
    return daemon;
  }

  /** `from` is an address of the host; the kernel's choice without it. */
  async startStream(host: Host, address: string, port: number, from?: string): Promise<Stream> {
    const source = from === undefined ? [] : [from];
    const args = [path('programs/stream-client.ts'), address, String(port), '10', ...source];
    const daemon = await this.startDaemon(host, process.execPath, args);
    await this.#says(daemon, 'connected');
    return {
      stop: async () => {
        this.machine.commands.signal(daemon.pid, 'SIGTERM');
        const log = await this.#says(daemon, '"sent"');
        return JSON.parse(log.slice(log.indexOf('{'))) as StreamReport;
      },
    };
  }

  /** Ends and removes everything. Throws where anything is left. May be called again. */
  async teardown(): Promise<void> {
    const { commands, files } = this.machine;
    if (this.#hostAgent !== null) await this.killHostAgent('SIGTERM').catch(() => undefined);
    await this.#hypervisors?.remove();
    for (const name of await namespacesOf(this.installation)) {
      for (const pid of await this.#processesIn(name)) commands.signal(pid, 'SIGKILL');
      await commands.run('ip', ['netns', 'delete', name], { okCodes: [0, 1] });
      await files.remove(`/etc/netns/${name}`);
    }
    await Promise.all([this.state, this.run].map((directory) => files.remove(directory)));
    const leaks = () => findLeaks(this.machine, this.installation);
    const clean = await waitFor('teardown', async () => (await leaks()).length === 0, 3000).catch(() => false);
    if (!clean) throw new Error(`the lab ${this.installation} left behind: ${(await leaks()).join('; ')}`);
  }

  async #processesIn(namespace: string): Promise<number[]> {
    const { stdout } = await this.machine.commands.run('ip', ['netns', 'pids', namespace], { okCodes: [0, 1, 255] });
    const pids = stdout.split('\n').filter((line) => line !== '');
    return pids.map(Number).sort((a, b) => a - b);
  }

  async #startDns(): Promise<void> {
    // A name below `invalid` is answered with NXDOMAIN, as every resolver does (RFC 6761, 6.4); the rest is refused.
    const names = ['--no-resolv', '--no-hosts', `--address=/www.example.org/${internet.server}`, '--local=/invalid/'];
    const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--bind-interfaces', ...names];
    await this.startDaemon(this.internet, 'dnsmasq', [...args, `--listen-address=${internet.dns}`]);
  }

  /** The daemon's log once it holds `text`. */
  #says({ logPath }: Daemon, text: string): Promise<string> {
    return waitFor(`${text} in ${logPath}`, async () => {
      const log = (await this.machine.files.readTextIfExists(logPath)) ?? '';
      return log.includes(text) ? log : null;
    });
  }
}

/** An installation id that nothing on this machine has. */
async function freeInstallation(): Promise<string> {
  for (;;) {
    const bytes = randomBytes(4);
    const letter = String.fromCharCode(97 + ((bytes[0] ?? 0) % 26));
    const rest = (bytes.readUIntBE(1, 3) % 36 ** 3).toString(36).padStart(3, '0');
    const installation = `${letter}${rest}`;
    if (!isInstallationId(installation)) continue;
    if (!(await exists(`/var/lib/isthmus/${installation}`)) && !(await exists(`/run/isthmus/${installation}`))) {
      return installation;
    }
  }
}

/** Makes a lab. Where that fails, removes what was made and throws. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const lab = new Lab(await freeInstallation(), options);
  try {
    await lab.build(options);
    return lab;
  } catch (error) {
    await lab.teardown().catch(() => undefined);
    throw error;
  }
}

/** A lab for one test, torn down when the test ends, however it ends. */
export async function labFor(t: { teardown(end: () => Promise<void>): void }, options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(options);
  t.teardown(() => lab.teardown());
  return lab;
}
