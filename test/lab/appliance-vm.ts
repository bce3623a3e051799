// An appliance in a VM without libvirt and host agent: QEMU by itself (TCG), direct kernel, its NICs on taps of a lab's host.
//
//   const vm = await createApplianceVm(lab, image, parts)                 taps, bridges and a disk; not started yet
//   await vm.powerOn(vm.writeDrive(bootstrap) …)                          a config drive or null
//   await vm.says('isthmus: serving')                                     the serial console; vm.console() is all of it
//   await vm.powerOff()                                                   SIGKILL to QEMU
import { createHash, randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { agentPort, type Bootstrap, type ConfigDrive, type ControlNic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { kernelWords } from '../../host-agent/src/drivers/libvirt/domain.ts';
import { waitFor } from './clients.ts';
import { ensureImages, imageFolder } from './images.ts';
import type { Lab } from './index.ts';
import { guestBridge } from './wired-router.ts';

/** Bridge of the control network on the lab's host. */
export const controlBridge = 'ctl0';
/** The lab's host on the control network. */
export const controlHost = '169.254.20.1';
/** A host on the control network that is no appliance's gateway. */
export const controlStranger = '169.254.20.99';

/** Files of an image; absolute paths. */
export interface VmImage {
  readonly kernel: string;
  readonly initrd: string;
  /** Qcow2. */
  readonly disk: string;
  readonly commandLine: string;
}

/** A role's image of this checkout; built first where it is not there. Throws CommandError where that fails. */
export async function imageOf(machine: Host, role: 'router' | 'console-proxy'): Promise<VmImage> {
  await ensureImages([role]);
  const folder = `${imageFolder}/${role}`;
  const manifest = JSON.parse(await machine.files.readText(`${folder}/manifest.json`)) as {
    readonly kernelCommandLine: string;
  };
  return {
    kernel: `${folder}/${role}.vmlinuz`,
    initrd: `${folder}/${role}.initrd`,
    disk: `${folder}/${role}.qcow2`,
    commandLine: kernelWords(manifest.kernelCommandLine, 'tcg'),
  };
}

/** QEMU's words for a machine without what nobody needs, under emulation. */
export function machineWords(memoryMebibytes: number): string[] {
  const machine = ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc,accel=tcg', '-cpu', 'max'];
  return [...machine, '-smp', '1', '-m', String(memoryMebibytes), '-device', 'virtio-rng-pci'];
}

/** A NIC on a bridge of the lab's host, which may be there already. */
export interface VmNic {
  readonly tap: string;
  readonly bridge: string;
  readonly macAddress: string;
}

/** What an appliance is. */
export interface VmParts {
  readonly nics: readonly VmNic[];
  readonly control: ControlNic;
  /** What its config drive says besides its id. */
  readonly drive: (bootstrap: Bootstrap) => Omit<ConfigDrive, 'id'>;
}

async function makeTaps(lab: Lab, nics: readonly VmNic[]): Promise<void> {
  const bridge = (name: string) => `link add name ${name} up type bridge stp_state 0 forward_delay 0 mcast_snooping 0`;
  const lines = [
    bridge(controlBridge),
    bridge(guestBridge),
    `address add ${controlHost}/22 dev ${controlBridge}`,
    `address add ${controlStranger}/22 dev ${controlBridge}`,
    ...nics.flatMap(({ tap, bridge: master }) => [
      `tuntap add dev ${tap} mode tap`,
      `link set dev ${tap} master ${master} up`,
    ]),
  ];
  await lab.host.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Byte where a partition of a GPT begins: 128 entries of 128 bytes, from the third sector on. Throws where there is none. */
function partitionStart(table: Buffer, name: string): number {
  for (let at = 1024; at < 1024 + 128 * 128; at += 128) {
    const own = table.toString('utf16le', at + 56, at + 128).replaceAll('\0', '');
    if (own === name) return Number(table.readBigUInt64LE(at + 32)) * 512;
  }
  throw new Error(`no partition is named ${name}`);
}

export class ApplianceVm {
  readonly id = randomUUID();
  readonly folder: string;
  readonly #lab: Lab;
  readonly #image: VmImage;
  readonly #parts: VmParts;
  #starts = 0;
  #pid: number | null = null;

  constructor(lab: Lab, image: VmImage, parts: VmParts) {
    this.#lab = lab;
    this.#parts = parts;
    this.#image = image;
    this.folder = `${lab.state}/vm`;
  }

  async make(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await makeTaps(this.#lab, this.#parts.nics);
    await this.newDisk();
    const program = fileURLToPath(new URL('programs/tcp-door.ts', import.meta.url));
    const words = [program, this.#doorPath, this.#parts.control.address, String(agentPort)];
    await this.#lab.startDaemon(this.#lab.host, process.execPath, words);
    await waitFor('the way into the control network', () => this.#lab.machine.files.exists(this.#doorPath));
  }

  get #doorPath(): string {
    return `${this.#lab.run}/control.sock`;
  }

  /** An empty overlay over the image: what the VM wrote is gone. */
  async newDisk(): Promise<void> {
    const disk = `${this.folder}/disk.qcow2`;
    await rm(disk, { force: true });
    const base = ['-b', this.#image.disk, '-F', 'qcow2'];
    await this.#lab.machine.commands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...base, disk]);
  }

  /** Writes a config drive as a host agent does and answers with its path. */
  async writeDrive(name: string, bootstrap: Bootstrap): Promise<string> {
    const drive: ConfigDrive = { id: this.id, ...this.#parts.drive(bootstrap) };
    const folder = `${this.folder}/${name}`;
    await mkdir(folder, { recursive: true });
    const text = `${JSON.stringify(drive)}\n`;
    await writeFile(`${folder}/config.json`, text, { mode: 0o600 });
    const digest = createHash('sha256').update(text).digest('hex');
    await writeFile(`${folder}/config.json.sha256`, `${digest}\n`);
    const path = `${this.folder}/${name}.iso`;
    const words = ['-as', 'mkisofs', '-quiet', '-V', 'ISTHMUS', '-R', '-J', '-o', path, folder];
    await this.#lab.machine.commands.run('xorriso', words);
    return path;
  }

  /** A copy of a config drive that ends halfway through its `config.json`. */
  async cutDrive(path: string): Promise<string> {
    const cut = path.replace(/\.iso$/, '-cut.iso');
    await copyFile(path, cut);
    const disc = await readFile(path);
    const [first, last] = [disc.indexOf('{"id":'), disc.lastIndexOf('}\n')];
    const sector = 2048;
    await truncate(cut, Math.floor((first + (last - first) / 2) / sector) * sector + sector);
    return cut;
  }

  /** Overwrites the first megabytes of the state partition, all but its superblock. Switched off only. */
  async damageState(): Promise<void> {
    const { commands } = this.#lab.machine;
    const disk = `${this.folder}/disk.qcow2`;
    const table = `${this.folder}/table.raw`;
    await commands.run('qemu-img', ['dd', '-f', 'qcow2', '-O', 'raw', 'bs=1M', 'count=1', `if=${disk}`, `of=${table}`]);
    const start = partitionStart(await readFile(table), 'isthmus-state');
    const write = (offset: number, bytes: number) => `write -P 0x5a ${start + offset} ${bytes}`;
    await commands.run('qemu-io', ['-f', 'qcow2', '-c', write(4096, 8 * 1024 * 1024), disk]);
  }

  /** Starts QEMU. The console begins anew. */
  async powerOn(configDrive: string | null, memoryMebibytes = 256): Promise<void> {
    this.#starts += 1;
    const { kernel, initrd, commandLine } = this.#image;
    const drive = `file=${this.folder}/disk.qcow2,format=qcow2,if=virtio,cache=writeback`;
    const medium = configDrive === null ? '' : `,file=${configDrive},format=raw,readonly=on`;
    const args = [
      ...machineWords(memoryMebibytes),
      ...['-kernel', kernel, '-initrd', initrd, '-append', commandLine],
      ...['-drive', drive, '-drive', `if=ide,media=cdrom,id=cd${medium}`],
      ...this.#parts.nics.flatMap(({ tap, macAddress }) => [
        ...['-netdev', `tap,id=${tap},ifname=${tap},script=no,downscript=no`],
        ...['-device', `virtio-net-pci,netdev=${tap},mac=${macAddress},romfile=`],
      ]),
      ...['-serial', `file:${this.#consolePath}`, '-monitor', `unix:${this.#monitorPath},server=on,wait=off`],
    ];
    await rm(this.#monitorPath, { force: true });
    this.#pid = (await this.#lab.startDaemon(this.#lab.host, 'qemu-system-x86_64', args)).pid;
  }

  /** As if somebody pulled the plug. Resolves when QEMU is gone. */
  async powerOff(): Promise<void> {
    const pid = this.#pid;
    if (pid === null) return;
    this.#lab.machine.commands.signal(pid, 'SIGKILL');
    await this.hasEnded();
  }

  /** Resolves when QEMU has ended; throws where it has not within `timeoutMs`. */
  async hasEnded(timeoutMs = 30_000): Promise<void> {
    const pid = this.#pid ?? 0;
    const { commands } = this.#lab.machine;
    await waitFor(
      'QEMU ends',
      async () => pid < 2 || !(await commands.isRunning(pid, 'qemu-system-x86_64')),
      timeoutMs,
    );
    this.#pid = null;
  }

  /** Power-off by ACPI. Pressed again and again: nobody heeds the button until what is served is served. */
  async pressPowerButton(): Promise<void> {
    const hasEnded = async () => {
      await this.monitor('system_powerdown').catch(() => {});
      return this.hasEnded(3000).then(
        () => true,
        () => false,
      );
    };
    await waitFor('QEMU ends by its power button', hasEnded, 60_000);
  }

  /** One command of QEMU's monitor, such as `system_powerdown`. Resolves when QEMU asks for the next; throws what it refuses. */
  async monitor(command: string): Promise<void> {
    const socket = connect(this.#monitorPath);
    let text = '';
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`QEMU's monitor ended: ${command}: ${text}`)));
      socket.on('data', (part: Buffer) => {
        const prompts = text.split('(qemu)').length;
        text += part.toString();
        const isPrompted = text.split('(qemu)').length > prompts;
        if (isPrompted && prompts === 1) socket.write(`${command}\n`);
        else if (/^Error: /m.test(text)) reject(new Error(`QEMU refuses ${command}: ${text}`));
        else if (isPrompted) resolve();
      });
    }).finally(() => socket.destroy());
  }

  /** What the VM has written on its serial console since it was started last. */
  async console(): Promise<string> {
    return (await this.#lab.machine.files.readTextIfExists(this.#consolePath)) ?? '';
  }

  /** Waits until the console holds `text`. Throws with the console's end where it does not. */
  async says(text: string, timeoutMs = 120_000): Promise<void> {
    try {
      await waitFor(`the console says ${text}`, async () => (await this.console()).includes(text), timeoutMs);
    } catch (error) {
      throw new Error(`the console does not say ${text}:\n${(await this.console()).slice(-2000)}`, { cause: error });
    }
  }

  /** A connection to the agent's port from the control network's host. */
  async openTunnel(): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#doorPath, () => resolve(socket));
      socket.on('error', reject);
    });
  }

  get #consolePath(): string {
    return `${this.folder}/console-${this.#starts}.log`;
  }

  get #monitorPath(): string {
    return `${this.#lab.run}/monitor.sock`;
  }
}

/** A VM on a lab's host; it ends with the lab. */
export async function createApplianceVm(lab: Lab, image: VmImage, parts: VmParts): Promise<ApplianceVm> {
  const vm = new ApplianceVm(lab, image, parts);
  await vm.make();
  return vm;
}
