// A host of namespaces with console proxies on it, and an orchestrator's way to their agents.
import {
  type ApplianceSpec,
  type ConsoleProxyDocument,
  type ConsoleProxyPush,
  type Segment,
  wholeDocumentHash,
} from '@isthmus/contract';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { namespaceName } from '@isthmus/host-agent';
import { parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import type { ExecutionContext } from 'ava';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import { HostClient } from '../../orchestrator/drivers/host-client.ts';
import { ControlPki } from '../lab/control-pki.ts';
import { hostAgentProgram, type Lab, labFor, waitFor } from '../lab/index.ts';

/** TCP port for browsers. */
export const port = 8080;

/** Something of a lab's proxies that is the same for all: their certificates, and the public segment of the host's own. */
export class ProxyHost {
  readonly lab: Lab;
  readonly pki: ControlPki;
  /** The host itself has the gateway's address there. */
  readonly segment: Segment;
  readonly #client: HostClient;

  private constructor(lab: Lab, pki: ControlPki) {
    this.lab = lab;
    this.pki = pki;
    this.segment = { kind: 'public', id: 'own', gateway: parseIpv4Address('198.18.7.1'), prefixLength: 24 };
    this.#client = new HostClient(`unix:${lab.socket}`);
  }

  static async create(t: ExecutionContext): Promise<ProxyHost> {
    const lab = await labFor(t, { hostAgent: false });
    const made = new ProxyHost(lab, await ControlPki.create(lab.installation));
    t.teardown(() => made.#client.close());
    return made;
  }

  /** Starts the host agent; `program` is what its proxies run, their own one without it. */
  async start(program?: string): Promise<number> {
    const { installation, state, run, host, machine } = this.lab;
    const own = ['--installation', installation, '--state', state, '--run', run];
    const more = program === undefined ? [] : ['--console-proxy', program];
    const { pid, logPath } = await this.lab.startDaemon(host, process.execPath, [hostAgentProgram, ...own, ...more]);
    this.logPath = logPath;
    await waitFor('the host agent answers', () => this.lab.agent.host().catch(() => null), 60_000);
    this.end = async () => {
      machine.commands.signal(pid, 'SIGKILL');
      await waitFor('it ends', async () => !(await machine.commands.isRunning(pid, process.execPath)));
    };
    return pid;
  }

  /** What the host agent that runs has logged. */
  logPath = '';

  /** Ends the host agent by SIGKILL. */
  end: () => Promise<void> = async () => {};

  /** The last byte of its public address tells one from another. */
  spec(last: number): ApplianceSpec {
    const macAddress = parseMacAddress(`02:00:00:00:07:${last.toString(16).padStart(2, '0')}`);
    const addresses = [parseIpv4Address(`198.18.7.${last}`)];
    const nic = { name: parseInterfaceName('eth2'), macAddress, segment: this.segment, addresses };
    return { kind: 'console-proxy', nics: [nic] };
  }

  /** Makes a proxy as an orchestrator does, and waits until its agent is heard through the tunnel. */
  async put(id: string, last: number): Promise<void> {
    await this.#client.putConfigDrive(id, await this.pki.bootstrap(id, null));
    await this.lab.agent.putAppliance(id, this.spec(last));
    await this.answers(id);
  }

  /** Resolves when its agent is heard through the tunnel. */
  async answers(id: string): Promise<void> {
    await waitFor(
      'its agent answers',
      () =>
        this.ask(id, (agent) => agent.status()).then(
          () => true,
          () => false,
        ),
      60_000,
    );
  }

  async eject(id: string): Promise<void> {
    await this.#client.ejectConfigDrive(id);
  }

  async ask<Answer>(id: string, question: (agent: ApplianceClient) => Promise<Answer>): Promise<Answer> {
    const identity = this.pki.identity(await this.pki.issue('orchestrator', 'test'));
    const agent = new ApplianceClient({ id, identity, openTunnel: () => this.#client.openTunnel(id) });
    try {
      return await question(agent);
    } finally {
      agent.close();
    }
  }

  /** What has it serve browsers. */
  push(last: number): ConsoleProxyPush {
    const document: ConsoleProxyDocument = {
      publicAddress: parseIpv4Address(`198.18.7.${last}`),
      prefixLength: 24,
      gateway: parseIpv4Address('198.18.7.1'),
      port,
      tls: null,
      origins: ['http://console.example.org'],
      limits: {
        ...{ sessions: 10, pending: 10, pendingPerAddress: 10, handshakeSeconds: 10 },
        ...{ idleSeconds: 0, absoluteSeconds: 0, pingSeconds: 30 },
      },
      draining: false,
    };
    const target = { epoch: '00000000-0000-4000-8000-000000000001', generation: 1, hash: wholeDocumentHash(document) };
    return { fencingToken: 1, target, document };
  }

  /** Commands in the namespace of a proxy. */
  inside(id: string): Host {
    return createNamespaceHost(this.lab.machine, namespaceName(this.lab.installation, 'r', id));
  }

  /** Process ids of a proxy's program; its short-lived commands are left out. */
  async pids(id: string): Promise<number[]> {
    const all = await this.lab.routerProcesses(id);
    const running = await Promise.all(all.map((pid) => this.lab.machine.commands.isRunning(pid, process.execPath)));
    return all.filter((_, index) => running[index]);
  }
}
