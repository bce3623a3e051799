// A host that carries VMs, for tests of the host agent without QEMU: each VM is a network namespace with its control NIC
// and an echo server on the agent's port.
//
//   node vm-host-fixture.ts DIRECTORY PREFIX BOOT-ID   serves DIRECTORY/socket in the network namespace that it is run in
//
// DIRECTORY/starts has a line for each start of a VM: its id and config drive. DIRECTORY/ID.pid: its process.
// DIRECTORY/hopeless: a VM ends as soon as it is started.
import { appendFile } from 'node:fs/promises';
import { type ApplianceSpec, agentPort, type Nic } from '@isthmus/contract';
import { createHost, createNamespaceHost } from '@isthmus/host';
import { createServer } from './api/server.ts';
import type { ApplianceExtras, Consoles, VirtualMachineDriver } from './drivers/driver.ts';
import { HostAgent } from './host-agent.ts';
import { SegmentBridges } from './wiring/segment-bridges.ts';

const machine = createHost();

class NamespaceVms implements VirtualMachineDriver {
  readonly name = 'libvirt';
  readonly accelerator = 'tcg';
  readonly #prefix: string;
  readonly #directory: string;

  constructor(prefix: string, directory: string) {
    this.#prefix = prefix;
    this.#directory = directory;
  }

  async open(): Promise<void> {}

  async ensureAppliance(id: string, _spec: ApplianceSpec, extras: ApplianceExtras): Promise<void> {
    if (await this.#runs(id)) return;
    await this.haltAppliance(id);
    await appendFile(`${this.#directory}/starts`, `${id} ${extras.configDrive}\n`);
    if (await machine.files.exists(`${this.#directory}/hopeless`)) return;
    const name = `${this.#prefix}-${id}`;
    const port = `t${id}`;
    const { address, macAddress, prefixLength } = extras.control;
    await machine.commands.run('ip', ['netns', 'add', name]);
    const plug = [
      `link add name ${port} type veth peer name eth1 address ${macAddress} netns ${name}`,
      `link set dev ${port} master ${extras.controlBridge} up`,
    ];
    await machine.commands.run('ip', ['-batch', '-'], { input: `${plug.join('\n')}\n` });
    const inside = createNamespaceHost(machine, name);
    const up = [`address add ${address}/${prefixLength} dev eth1`, 'link set dev eth1 up', 'link set dev lo up'];
    await inside.commands.run('ip', ['-batch', '-'], { input: `${up.join('\n')}\n` });
    const program = `require('net').createServer({allowHalfOpen:true},(s)=>s.pipe(s)).listen(${agentPort},'${address}')`;
    const logPath = `${this.#directory}/${id}.log`;
    const pid = await inside.commands.startDaemon(process.execPath, ['-e', program], { logPath });
    await machine.files.writeText(this.#pidPath(id), String(pid));
  }

  changeAppliance(id: string, _before: ApplianceSpec, after: ApplianceSpec, extras: ApplianceExtras): Promise<void> {
    return this.ensureAppliance(id, after, extras);
  }

  async haltAppliance(id: string): Promise<void> {
    const pid = Number((await machine.files.readTextIfExists(this.#pidPath(id))) ?? '0');
    if (pid > 1) machine.commands.signal(pid, 'SIGKILL');
    await machine.files.remove(this.#pidPath(id));
    await machine.commands.run('ip', ['netns', 'delete', `${this.#prefix}-${id}`], { okCodes: [0, 1] });
    await machine.commands.run('ip', ['link', 'delete', 'dev', `t${id}`], { okCodes: [0, 1] });
  }

  removeAppliance(id: string): Promise<void> {
    return this.haltAppliance(id);
  }

  async ejectConfigDrive(): Promise<void> {}

  consoles(): Consoles {
    const at = (name: string) => `${this.#directory}/${name}`;
    return { vnc: at('vnc'), serial: at('serial'), serialLog: at('serial.log') };
  }

  async vncPassword(): Promise<null> {
    return null;
  }

  async migrateInstance(): Promise<void> {}

  async receiveInstance(): Promise<never> {
    throw new Error('expected no migration');
  }

  async instancePresence(): Promise<'absent'> {
    return 'absent';
  }

  async ensureInstance(): Promise<void> {}

  async changeInstance(): Promise<void> {}

  async haltInstance(): Promise<void> {}

  async removeInstance(): Promise<void> {}

  async leasedAddress(): Promise<null> {
    return null;
  }

  async broken(_kind: 'appliance' | 'instance', machines: readonly { id: string; nics: readonly Nic[] }[]) {
    const ids = machines.map(({ id }) => id);
    const runs = await Promise.all(ids.map((id) => this.#runs(id)));
    return ids.filter((_, index) => runs[index] === false);
  }

  async serialTail(): Promise<string> {
    return 'Kernel panic - not syncing';
  }

  async healPacketFilters(): Promise<void> {}

  async removeEverything(): Promise<void> {
    const pids = (await machine.files.list(this.#directory)).filter((name) => name.endsWith('.pid'));
    for (const name of pids) await this.haltAppliance(name.slice(0, -'.pid'.length));
  }

  async #runs(id: string): Promise<boolean> {
    const pid = Number((await machine.files.readTextIfExists(this.#pidPath(id))) ?? '0');
    return pid > 1 && (await machine.commands.isRunning(pid, process.execPath));
  }

  #pidPath(id: string): string {
    return `${this.#directory}/${id}.pid`;
  }
}

const [directory = '', prefix = '', bootId = ''] = process.argv.slice(2);
const vms = new NamespaceVms(prefix, directory);
const bridges = new SegmentBridges(machine.commands, 'ab12');
const agent = new HostAgent({
  ...{ host: machine, installation: 'ab12', state: `${directory}/state`, run: `${directory}/run`, version: '0' },
  ...{ bridges, tunnels: null, driver: vms, bootId, createServices: () => [], healIntervalMs: 100 },
});
await agent.open();
const app = createServer(agent, () => process.exit(0));
await machine.files.remove(`${directory}/socket`);
await app.listen({ path: `${directory}/socket` });
