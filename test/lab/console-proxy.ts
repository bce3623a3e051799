// A console proxy as a process in a namespace of its own on a lab's host, as the host agent runs it: its control NIC on a
// control network, its public NIC on the public bridge, its config drive in a folder.
//
//   const proxy = await createConsoleProxy(lab)     wired, not started yet
//   await proxy.writeDrive(bootstrap)
//   await proxy.start()
//   proxy.client(pki.identity(orchestrator))        ApplianceClient through the control network
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  agentPort,
  type Bootstrap,
  type ConfigDrive,
  type ConsoleProxyDocument,
  type ControlNic,
  consolePublicInterface,
} from '@isthmus/contract';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import type { ControlIdentity } from '../../orchestrator/drivers/control-identity.ts';
import { documentOf } from '../../services/console-proxy/src/document/document-fixture.ts';
import { controlBridge, controlHost, controlStranger } from './appliance-vm.ts';
import { waitFor } from './clients.ts';
import type { Daemon, Lab } from './index.ts';
import { addNamespace, internet, plug } from './network.ts';

const program = new URL('../../services/console-proxy/src/main.ts', import.meta.url).pathname;
export const proxyControl: ControlNic = {
  macAddress: parseMacAddress('02:00:00:00:01:0c'),
  address: parseIpv4Address('169.254.20.8'),
  prefixLength: 22,
  gateway: parseIpv4Address(controlHost),
};
export const proxyAddress = '203.0.113.20';
/** MAC address of its public NIC. */
export const publicMac = parseMacAddress('02:00:00:00:01:02');

/** A document for the lab's public network. */
export function proxyDocument(changes: Partial<ConsoleProxyDocument> = {}): ConsoleProxyDocument {
  const gateway = parseIpv4Address(internet.gateway);
  return documentOf({ publicAddress: parseIpv4Address(proxyAddress), gateway, ...changes });
}

/** What the config drive of a console proxy says besides its id. */
export function proxyDrive(bootstrap: Bootstrap): Omit<ConfigDrive, 'id'> {
  return {
    kind: 'console-proxy',
    bootstrap,
    control: proxyControl,
    nics: [{ name: parseInterfaceName(consolePublicInterface), macAddress: publicMac }],
  };
}

export class ConsoleProxyProcess {
  readonly id = randomUUID();
  readonly folder: string;
  readonly host: Host;
  readonly #lab: Lab;
  readonly #namespace: string;
  #daemon: Daemon | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#namespace = `lab-${lab.installation}-cp`;
    this.folder = `${lab.state}/console-proxy`;
    this.host = createNamespaceHost(lab.machine, this.#namespace);
  }

  async make(): Promise<void> {
    const { machine, installation, host, run } = this.#lab;
    await mkdir(this.#drive, { recursive: true });
    await mkdir(`${this.folder}/run`, { recursive: true });
    await addNamespace(machine, this.#namespace);
    await host.commands.run('ip', ['-batch', '-'], {
      input: `link add name ${controlBridge} up type bridge stp_state 0 forward_delay 0 mcast_snooping 0
address add ${controlHost}/22 dev ${controlBridge}
address add ${controlStranger}/22 dev ${controlBridge}
`,
    });
    const where = { hostNamespace: `lab-${installation}-host`, namespace: this.#namespace };
    const { macAddress } = proxyControl;
    await plug(machine, { ...where, bridge: controlBridge }, { port: 'cpctl', name: 'nic0', macAddress });
    await plug(machine, { ...where, bridge: internet.bridge }, { port: 'cppub', name: 'nic1', macAddress: publicMac });
    const door = new URL('programs/tcp-door.ts', import.meta.url).pathname;
    const words = [door, `${run}/cp.sock`, proxyControl.address, String(agentPort)];
    await this.#lab.startDaemon(host, process.execPath, words);
    await waitFor('the way into the control network', () => machine.files.exists(`${run}/cp.sock`));
  }

  async writeDrive(bootstrap: Bootstrap): Promise<void> {
    const text = `${JSON.stringify({ id: this.id, ...proxyDrive(bootstrap) })}\n`;
    const digest = createHash('sha256').update(text).digest('hex');
    await writeFile(`${this.#drive}/config.json`, text, { mode: 0o600 });
    await writeFile(`${this.#drive}/config.json.sha256`, `${digest}\n`);
  }

  /** As the host agent does once the agent has answered with its identity. */
  async ejectDrive(): Promise<void> {
    await rm(this.#drive, { recursive: true });
  }

  /** `host`: in another namespace than its own. */
  async start(host = this.host): Promise<void> {
    const words = ['--config-drive', this.#drive, '--state', `${this.folder}/state`, '--run', `${this.folder}/run`];
    this.#daemon = await this.#lab.startDaemon(host, process.execPath, [program, ...words]);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const { pid = 0 } = this.#daemon ?? {};
    const { commands } = this.#lab.machine;
    commands.signal(pid, 'SIGKILL');
    await waitFor('the proxy ends', async () => !(await commands.isRunning(pid, process.execPath)));
    this.#daemon = null;
  }

  /** What it has logged since it was started last. */
  async log(): Promise<string> {
    return (await this.#lab.machine.files.readTextIfExists(this.#daemon?.logPath ?? '')) ?? '';
  }

  client(identity: ControlIdentity): ApplianceClient {
    return new ApplianceClient({ id: this.id, identity, openTunnel: () => this.openTunnel() });
  }

  /** A connection to the agent's port from the control network's host. */
  openTunnel(): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect(`${this.#lab.run}/cp.sock`, () => resolve(socket));
      socket.on('error', reject);
    });
  }

  get #drive(): string {
    return `${this.folder}/drive`;
  }
}

/** A console proxy on a lab's host; it ends with the lab. */
export async function createConsoleProxy(lab: Lab): Promise<ConsoleProxyProcess> {
  const proxy = new ConsoleProxyProcess(lab);
  await proxy.make();
  return proxy;
}
