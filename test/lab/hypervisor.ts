// A hypervisor of the lab: a network, mount and host name of its own, whose libvirtd and files touch nothing of the
// machine's. Its power can fail: every process of it ends at once, and what lay in memory (/run, network devices) is gone.
//
//   const hypervisor = new Hypervisor(place);   await hypervisor.powerOn()
//   hypervisor.host                             Host whose commands and files are the hypervisor's
//   await hypervisor.powerOff()                 as if somebody pulled the plug; powerOn() boots it again with a new boot id
//   await hypervisor.remove()                   off, and its disk is gone too
import { randomUUID } from 'node:crypto';
import { readdir, readlink } from 'node:fs/promises';
import type { CommandRunner, Files, Host } from '@isthmus/host';
import { waitFor } from './clients.ts';
import { addNamespace, internet, management } from './network.ts';

/** Where a hypervisor stands. `disk` is a directory of the machine that holds what outlives a power loss. */
export interface HypervisorPlace {
  readonly machine: Host;
  /** Network namespaces of the lab: of the hypervisor itself, of the internet, of the management network. */
  readonly namespaces: { readonly own: string; readonly internet: string; readonly management: string };
  readonly disk: string;
  /** 1, 2, …: the last byte of its address on the management network is 10 more. */
  readonly number: number;
  /** Size of the file system of /var/lib/isthmus, which is then empty after a power loss. Default: the machine's own. */
  readonly diskBytes?: number;
}

/** Directories that outlive a power loss, each a hypervisor's own. The last one covers the disks of the lab's hypervisors. */
const persistent = [
  '/var/lib/libvirt',
  '/var/cache/libvirt',
  '/var/log/libvirt',
  '/etc/libvirt',
  '/etc/netns',
  '/var/lib/isthmus',
];

/** Largest frame on the management network: room for VXLAN around a guest's frame of 1500 bytes. */
const managementMtu = 1600;

export class Hypervisor {
  readonly name: string;
  /** On the management network, which the host agents, their tunnels and the orchestrator share. */
  readonly address: string;
  readonly host: Host;
  readonly #place: HypervisorPlace;
  readonly #machineId = randomUUID();
  #holder: number | null = null;

  constructor(place: HypervisorPlace) {
    this.#place = place;
    this.name = `hv${place.number}`;
    this.address = management.host(place.number);
    const { machine } = place;
    this.host = {
      ...machine,
      commands: this.#commands(),
      files: this.#files(),
      log: machine.log.child({ hypervisor: this.name }),
    };
  }

  get isOn(): boolean {
    return this.#holder !== null;
  }

  /** Where the machine sees a file of the hypervisor. Throws where it is off. */
  path(file: string): string {
    return `/proc/${this.#running()}/root${file}`;
  }

  /** Boots: wires it, mounts what is its own, under a new boot id. */
  async powerOn(): Promise<void> {
    const { machine, namespaces, disk } = this.#place;
    if (this.isOn) throw new Error(`${this.name}: expected to be off`);
    await addNamespace(machine, namespaces.own);
    await this.#wire();
    const words = ['unshare', '--mount', '--uts', '--propagation', 'private', '--', 'sleep', 'infinity'];
    const entered = [`--net=/run/netns/${namespaces.own}`, '--', ...words];
    await machine.files.makeDirectory(disk);
    const holder = await machine.commands.startDaemon('nsenter', entered, { logPath: `${disk}/holder.log` });
    await waitFor(`${this.name} has namespaces of its own`, () => machine.commands.isRunning(holder, 'sleep'));
    this.#holder = holder;
    await this.#mount();
  }

  /** Pulls the plug: first the network is dead, then every process. */
  async powerOff(): Promise<void> {
    if (!this.isOn) return;
    const { commands } = this.#place.machine;
    const { internet: outside, management: inside, own } = this.#place.namespaces;
    for (const namespace of [outside, inside]) {
      await commands.run('ip', ['-netns', namespace, 'link', 'delete', 'dev', this.name], { okCodes: [0, 1] });
    }
    await this.#killAll();
    await commands.run('ip', ['netns', 'delete', own]);
    this.#holder = null;
  }

  /** Off, with its disk. May be called again. */
  async remove(): Promise<void> {
    await this.powerOff();
    await this.#place.machine.files.remove(this.#place.disk);
  }

  /** Ids of its processes. */
  async processes(): Promise<number[]> {
    const holder = this.#running();
    const own = await Promise.all(['net', 'mnt'].map((kind) => readlink(`/proc/${holder}/ns/${kind}`)));
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const isOwn = async (pid: string): Promise<boolean> => {
      const found = ['net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ''));
      const links = await Promise.all(found);
      return links.some((link) => own.includes(link));
    };
    const answers = await Promise.all(pids.map(isOwn));
    return pids.filter((_, index) => answers[index]).map(Number);
  }

  /** All but the holder, over and over until none is left (one may start another meanwhile), then the holder. */
  async #killAll(): Promise<void> {
    const holder = this.#running();
    const { commands } = this.#place.machine;
    await waitFor(`${this.name} is dead`, async () => {
      const others = (await this.processes()).filter((pid) => pid !== holder);
      for (const pid of others) commands.signal(pid, 'SIGKILL');
      return others.length === 0;
    });
    commands.signal(holder, 'SIGKILL');
    await waitFor(`${this.name} is off`, async () => !(await commands.isRunning(holder, 'sleep')));
  }

  async #wire(): Promise<void> {
    const { machine, namespaces } = this.#place;
    const batch = (namespace: string, lines: readonly string[]) =>
      machine.commands.run('ip', ['-netns', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
    await batch(namespaces.own, [
      `link add name ${internet.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set dev ${internet.bridge} up`,
      `link add name uplink type veth peer name ${this.name} netns ${namespaces.internet}`,
      `link set dev uplink master ${internet.bridge} up`,
      `link add name mgmt mtu ${managementMtu} type veth peer name ${this.name} mtu ${managementMtu} netns ${namespaces.management}`,
      `address add ${this.address}/24 dev mgmt`,
      'link set dev mgmt up',
    ]);
    await batch(namespaces.internet, [`link set dev ${this.name} master eth0 up`]);
    await batch(namespaces.management, [`link set dev ${this.name} master ${management.bridge} up`]);
  }

  async #mount(): Promise<void> {
    const { disk, diskBytes, machine } = this.#place;
    const { commands, files } = this.host;
    const mount = (...args: string[]) => commands.run('mount', args);
    for (const path of persistent) {
      const source = `${disk}/${path.slice(1).replaceAll('/', '-')}`;
      await machine.files.makeDirectory(source);
      await machine.files.makeDirectory(path);
      if (path === '/var/lib/isthmus' && diskBytes !== undefined) {
        await mount('-t', 'tmpfs', '-o', `size=${diskBytes},mode=755`, 'tmpfs', path);
      } else {
        await mount('--bind', source, path);
      }
    }
    await mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run');
    await mount('-t', 'sysfs', 'sysfs', '/sys');
    await files.makeDirectory('/run/netns');
    await files.writeText('/run/boot-id', `${randomUUID()}\n`);
    await files.writeText('/run/machine-id', `${this.#machineId.replaceAll('-', '')}\n`);
    await mount('--bind', '/run/boot-id', '/proc/sys/kernel/random/boot_id');
    if (await files.exists('/etc/machine-id')) await mount('--bind', '/run/machine-id', '/etc/machine-id');
    await commands.run('hostname', [this.name]);
  }

  #running(): number {
    if (this.#holder === null) throw new Error(`${this.name}: expected to be on`);
    return this.#holder;
  }

  #commands(): CommandRunner {
    const inner = this.#place.machine.commands;
    const enter = (file: string, args: readonly string[]) => {
      const kinds = ['net', 'mnt', 'uts'];
      const options: Readonly<Record<string, string>> = { net: 'net', mnt: 'mount', uts: 'uts' };
      return [...kinds.map((kind) => `--${options[kind]}=/proc/${this.#running()}/ns/${kind}`), '--', file, ...args];
    };
    return {
      run: async (file, args, options) => inner.run('nsenter', enter(file, args), options),
      startDaemon: async (file, args, options) => inner.startDaemon('nsenter', enter(file, args), options),
      isRunning: (pid, file) => inner.isRunning(pid, file),
      signal: (pid, signal) => inner.signal(pid, signal),
    };
  }

  #files(): Files {
    const { files } = this.#place.machine;
    const at = (path: string) => this.path(path);
    return {
      readText: async (path) => files.readText(at(path)),
      readTextIfExists: async (path) => files.readTextIfExists(at(path)),
      writeText: async (path, text, options) => files.writeText(at(path), text, options),
      appendText: async (path, text) => files.appendText(at(path), text),
      remove: async (path) => files.remove(at(path)),
      rename: async (from, to) => files.rename(at(from), at(to)),
      makeDirectory: async (path, options) => files.makeDirectory(at(path), options),
      list: async (path) => files.list(at(path)),
      exists: async (path) => files.exists(at(path)),
    };
  }
}
