// The libvirt driver: a router or an instance is a QEMU that libvirt runs, a NIC a tap device, a segment a bridge. It
// makes, wires and removes; it knows nothing of routers. Every call may be repeated, and finishes what a killed one began.
//
// Domains are transient: what should run stands in the host agent's records alone, a domain that has ended is gone, and
// after a reboot of the machine none is left that a changed record would contradict. They outlive the host agent and
// libvirtd, whose next start finds them.
import type { ApplianceSpec, InstanceSpec, Machine, MigrationDestination, Nic } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';
import { isNamespaceOf } from '../../wiring/names.ts';
import type { ApplianceExtras, Consoles, DriverContext, Presence, VirtualMachineDriver } from '../driver.ts';
import { probeAccelerator } from './accelerator.ts';
import { ensureOverlay } from './disks.ts';
import { type Accelerator, type DomainNic, renderDomain, renderNic } from './domain.ts';
import { Ending, until } from './ending.ts';
import { Libvirtd } from './libvirtd.ts';
import {
  domainName,
  type MachineKind,
  type MachinePaths,
  machineHash,
  machinePaths,
  machineRoots,
} from './machine-names.ts';
import { type MigrationSockets, type MigrationTransport, migrateArguments, migrationSockets } from './migration.ts';
import { Ports } from './ports.ts';
import type { FoundDomain } from './read-domain.ts';
import { serialTail } from './serial-log.ts';
import { LibvirtdDownError, Virsh } from './virsh.ts';
import { domainOf, type Wanted } from './wanted.ts';

/** `imagePath` is where the host's image cache has an image: absolute, whole and checked before a machine needs it. */
export interface LibvirtDriverContext extends DriverContext {
  imagePath(sha256: string): string;
  /** Given: nothing is probed. */
  readonly accelerator?: Accelerator;
  /** Absent: no instance can be moved while it runs. */
  readonly migration?: MigrationTransport;
}

/** How long a guest has from its power button to its end. A router's state is on disk at any moment. */
const graceMs = { r: 5000, i: 10_000 } as const;

const unpluggedWithinMs = 10_000;
const nonePausedForMs = 10_000;

const nouns = { r: 'appliance', i: 'instance' } as const;
const kinds = { appliance: 'r', instance: 'i' } as const;

/** Probes the accelerator and makes the driver. Its directories are made where they are absent. */
export async function createLibvirtDriver(context: LibvirtDriverContext): Promise<LibvirtDriver> {
  const { host } = context;
  const roots = machineRoots(context);
  // QEMU, which has no privileges, passes through to what is its own.
  for (const path of Object.values(roots)) await host.files.makeDirectory(path, { mode: 0o711 });
  const accelerator = context.accelerator ?? (await probeAccelerator(host, roots.state));
  const network = (await host.commands.run('readlink', ['/proc/self/ns/net'])).stdout.trim();
  return new LibvirtDriver(context, accelerator, network);
}

export class LibvirtDriver implements VirtualMachineDriver {
  readonly name = 'libvirt';
  readonly accelerator: Accelerator;
  readonly #context: LibvirtDriverContext;
  readonly #virsh: Virsh;
  readonly #libvirtd: Libvirtd;
  readonly #ending: Ending;
  readonly #ports: Ports;
  #qemuOwner: string | null = null;
  #nonePausedUntilMs = 0;

  /** Use `createLibvirtDriver`. */
  constructor(context: LibvirtDriverContext, accelerator: Accelerator, network: string) {
    this.#context = context;
    this.accelerator = accelerator;
    this.#virsh = new Virsh(context.host.commands);
    this.#libvirtd = new Libvirtd(context.host, this.#virsh);
    this.#ending = new Ending(context.host, network, this.#virsh, this.#libvirtd);
    this.#ports = new Ports(context);
  }

  async open({ instances }: Parameters<VirtualMachineDriver['open']>[0]): Promise<void> {
    await this.#ports.open(instances.map(({ id, spec: { nics } }) => ({ kind: 'i', id, nics })));
  }

  async ensureInstance(id: string, { nics, machine }: InstanceSpec): Promise<void> {
    await this.#ensure({ kind: 'i', id, nics, machine: this.#machineOf('i', id, machine) });
  }

  changeInstance(id: string, _before: InstanceSpec, after: InstanceSpec): Promise<void> {
    return this.ensureInstance(id, after);
  }

  haltInstance(id: string): Promise<void> {
    return this.#halt('i', id, graceMs.i);
  }

  removeInstance(id: string): Promise<void> {
    return this.#remove('i', id);
  }

  /** Inside of a VM the host does not look. */
  async leasedAddress(): Promise<null> {
    return null;
  }

  async ensureAppliance(id: string, { nics, machine }: ApplianceSpec, extras: ApplianceExtras): Promise<void> {
    const { configDrive } = extras;
    await this.#ensure({
      kind: 'r',
      id,
      nics,
      machine: this.#machineOf('r', id, machine),
      control: extras,
      configDrive,
    });
  }

  changeAppliance(id: string, _before: ApplianceSpec, after: ApplianceSpec, extras: ApplianceExtras): Promise<void> {
    return this.ensureAppliance(id, after, extras);
  }

  haltAppliance(id: string): Promise<void> {
    return this.#halt('r', id, graceMs.r);
  }

  removeAppliance(id: string): Promise<void> {
    return this.#remove('r', id);
  }

  async ejectConfigDrive(id: string): Promise<void> {
    await this.#libvirtd.ensure();
    const name = this.#nameOf('r', id);
    const drive = (await this.#virsh.find(name))?.cdrom ?? null;
    if (drive !== null && drive.source !== null) await this.#virsh.changeMedia(name, drive.target, null);
  }

  consoles(kind: 'appliance' | 'instance', id: string): Consoles {
    const { serial, serialLog, vnc } = this.#pathsOf(kinds[kind], id);
    return { serial, serialLog, vnc };
  }

  async vncPassword(kind: 'appliance' | 'instance', id: string): Promise<string | null> {
    await this.#libvirtd.ensure();
    const password = await this.#virsh.vncPassword(this.#nameOf(kinds[kind], id));
    if (password !== undefined) return password;
    throw new HostAgentError('failed', `${kind} ${id}: expected its domain to run`);
  }

  serialTail(kind: 'appliance' | 'instance', id: string): Promise<string> {
    return serialTail(this.#context.host.files, this.#pathsOf(kinds[kind], id).serialLog);
  }

  async migrateInstance(id: string, destination: MigrationDestination): Promise<void> {
    const { host, migration } = this.#context;
    if (migration === undefined) {
      throw new HostAgentError('conflict', `instance ${id}: this host has no way to move it to another one`);
    }
    await this.#libvirtd.ensure();
    const { migration: directory, run } = this.#pathsOf('i', id);
    await host.files.remove(directory);
    await host.files.makeDirectory(run, { mode: 0o711 });
    await host.files.makeDirectory(directory, { mode: 0o711 });
    const sockets = migrationSockets(directory, `${directory}/libvirt.sock`);
    const streams = await migration.open(destination, id, sockets);
    try {
      await this.#give(sockets.memory, sockets.disks);
      await this.#virsh.migrate(migrateArguments(this.#nameOf('i', id), sockets));
    } catch (error) {
      throw streams.fault() ?? this.#explained(error, 'i', id, 'move');
    } finally {
      await streams.close();
      await host.files.remove(directory);
    }
  }

  /**
   * Makes what an instance needs before it is moved to this host: bridges, guarded ports, a disk to be written over.
   * Answers with the sockets that its streams lead to. Once it is here, `ensureInstance` adopts it; where it does not
   * come, `removeInstance` removes all. Both hosts must have the same state and run directories.
   */
  async receiveInstance(id: string, { nics, machine }: InstanceSpec): Promise<MigrationSockets> {
    const wanted: Wanted = { kind: 'i', id, nics, machine: this.#machineOf('i', id, machine) };
    await this.#libvirtd.ensure();
    await this.#end('i', id, 0);
    await this.#ports.ensure(wanted);
    await this.#prepare(wanted);
    const { migration: directory } = this.#pathsOf('i', id);
    await this.#context.host.files.remove(directory);
    // QEMU listens there.
    await this.#context.host.files.makeDirectory(directory, { mode: 0o700 });
    await this.#give(directory);
    return migrationSockets(directory, '/run/libvirt/libvirt-sock');
  }

  async instancePresence(id: string): Promise<Presence> {
    const name = this.#nameOf('i', id);
    if (!this.#ending.processes().has(name)) return 'absent';
    await this.#libvirtd.ensure();
    const { state = '' } = (await this.#virsh.state(name)) ?? {};
    return ['running', 'idle'].includes(state) ? 'running' : 'waiting';
  }

  async broken(
    kind: 'appliance' | 'instance',
    machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[],
  ): Promise<string[]> {
    if (machines.length === 0) return [];
    const running = this.#ending.processes();
    const paused = await this.#pausedNames();
    const unwired = new Set(await this.#ports.unwired(machines.map((each) => ({ kind: kinds[kind], ...each }))));
    const isBroken = (id: string) => {
      const name = this.#nameOf(kinds[kind], id);
      return !running.has(name) || paused.has(name) || unwired.has(id);
    };
    return machines.map(({ id }) => id).filter(isBroken);
  }

  healPacketFilters(): Promise<void> {
    return this.#ports.heal();
  }

  async removeEverything(): Promise<void> {
    const { host, installation } = this.#context;
    const isOurs = (name: string) => isNamespaceOf(installation, name);
    // Where libvirtd does not run, it is not started to say that there is nothing; QEMUs are found without it.
    const known = (await this.#virsh.answers()) ? await this.#virsh.names() : [];
    for (const name of known.filter(isOurs)) await this.#virsh.destroy(name);
    for (const name of [...this.#ending.processes().keys()].filter(isOurs)) await this.#ending.kill(name);
    await this.#ports.removeEverything();
    for (const path of Object.values(machineRoots(this.#context))) await host.files.remove(path);
    await this.#libvirtd.stop();
  }

  #nameOf(kind: MachineKind, id: string): string {
    return domainName(this.#context.installation, kind, id);
  }

  #pathsOf(kind: MachineKind, id: string): MachinePaths {
    return machinePaths(this.#context, kind, id);
  }

  #machineOf(kind: MachineKind, id: string, machine: Machine | undefined): Machine {
    if (machine !== undefined) return machine;
    throw new HostAgentError('invalid', `${nouns[kind]} ${id}: machine: expected one, since this host runs VMs`);
  }

  async #ensure(wanted: Wanted): Promise<void> {
    const { kind, id } = wanted;
    const name = this.#nameOf(kind, id);
    await this.#libvirtd.ensure();
    await this.#ending.awaitVirsh(name, this.#pathsOf(kind, id).xml);
    const found = await this.#adopt(wanted, name);
    const { nics, loose } = await this.#ports.ensure(wanted);
    if (found === null) await this.#start(wanted, name, nics);
    else if (!(await this.#change(wanted, found, nics, loose))) {
      await this.#end(kind, id, graceMs[kind]);
      await this.#start(wanted, name, nics);
    }
    await this.#ports.removeOthers(
      wanted,
      nics.map(({ port }) => port),
    );
  }

  /** The domain where it runs and may go on as it is; null where it is to be started, and is known not to run. */
  async #adopt({ kind, id, machine }: Wanted, name: string): Promise<FoundDomain | null> {
    const state = await this.#virsh.state(name);
    if (state?.state === 'paused') await this.#resume(kind, id, name, state.reason);
    const goesOn = state !== null && ['running', 'idle', 'paused'].includes(state.state);
    const found = goesOn ? await this.#virsh.find(name) : null;
    if (found?.hash === machineHash(machine)) return found;
    await this.#end(kind, id, found === null ? 0 : graceMs[kind]);
    return null;
  }

  async #resume(kind: MachineKind, id: string, name: string, reason: string): Promise<void> {
    if (reason === 'migrating') throw new HostAgentError('conflict', `${nouns[kind]} ${id}: is being moved`);
    const errors = reason === 'I/O error' ? await this.#virsh.diskErrors(name) : '';
    await this.#virsh.resume(name);
    if (reason !== 'I/O error') return;
    // QEMU writes again what it could not write before.
    await this.#context.host.clock.sleep(500);
    if ((await this.#virsh.state(name))?.state !== 'paused') return;
    const cause = errors.includes('no space') ? 'the disk of this host is full' : `its disk fails (${errors})`;
    throw new HostAgentError('failed', `${nouns[kind]} ${id}: stands still, since ${cause}`);
  }

  async #start(wanted: Wanted, name: string, nics: readonly DomainNic[]): Promise<void> {
    const { kind, id } = wanted;
    try {
      const owner = await this.#prepare(wanted);
      const { xml } = this.#pathsOf(kind, id);
      await this.#context.host.files.writeText(
        xml,
        renderDomain(domainOf(wanted, { ...this.#context, accelerator: this.accelerator, owner }, nics)),
        { mode: 0o600 },
      );
      await this.#virsh.create(xml);
    } catch (error) {
      // Where libvirtd ended in between, it may have begun.
      await this.#end(kind, id, 0).catch((failure: unknown) => {
        this.#context.host.log.error('a machine whose start failed could not be ended', { name, error: failure });
      });
      await this.#ports.removeOthers(wanted, []);
      throw this.#explained(error, kind, id, 'start');
    }
  }

  /** Makes a machine's directories and disk, and gives QEMU what is its own. Answers with QEMU's owner. */
  async #prepare({ kind, id, machine, configDrive }: Wanted): Promise<string> {
    const { host, imagePath } = this.#context;
    const paths = this.#pathsOf(kind, id);
    for (const path of [paths.state, paths.run]) await host.files.makeDirectory(path, { mode: 0o711 });
    await host.files.makeDirectory(paths.vncDirectory, { mode: 0o700 });
    const { sha256, format } = machine.image;
    await ensureOverlay(host, paths.disk, { path: imagePath(sha256), format }, machine.rootDiskBytes);
    return this.#give(paths.vncDirectory, paths.disk, ...(configDrive ? [configDrive] : []));
  }

  /** Makes files QEMU's, and answers with its owner. */
  async #give(...paths: string[]): Promise<string> {
    this.#qemuOwner ??= await this.#virsh.qemuOwner();
    await this.#context.host.commands.run('chown', [this.#qemuOwner, ...paths]);
    return this.#qemuOwner;
  }

  /** Brings a running domain's NICs and CD-ROM to what is wanted. False where the guest does not let go of a NIC. */
  async #change(
    wanted: Wanted,
    { name, nics: plugged, cdrom }: FoundDomain,
    nics: readonly DomainNic[],
    loose: ReadonlySet<string>,
  ): Promise<boolean> {
    const { configDrive = null } = wanted;
    if (cdrom !== null && cdrom.source !== configDrive) {
      if (configDrive !== null) await this.#give(configDrive);
      await this.#virsh.changeMedia(name, cdrom.target, configDrive);
    }
    const isSame = (one: DomainNic) => (other: DomainNic) =>
      one.port === other.port && one.macAddress === other.macAddress;
    // A loose port was made anew: the QEMU holds one that is gone.
    const stale = plugged.filter((nic) => loose.has(nic.port) || !nics.some(isSame(nic)));
    for (const { macAddress } of stale) {
      await this.#virsh.detachNic(name, macAddress);
      const isGone = async () =>
        !((await this.#virsh.find(name))?.nics.some((nic) => nic.macAddress === macAddress) ?? false);
      if (!(await until(this.#context.host, unpluggedWithinMs, isGone))) return false;
    }
    const { state } = this.#pathsOf(wanted.kind, wanted.id);
    for (const nic of nics.filter(
      (each) => stale.includes(each) || !plugged.some(isSame(each)) || loose.has(each.port),
    )) {
      const path = `${state}/nic.xml`;
      await this.#context.host.files.writeText(path, renderNic(nic), { mode: 0o600 });
      await this.#virsh.attach(name, path);
    }
    return true;
  }

  async #halt(kind: MachineKind, id: string, limitMs: number): Promise<void> {
    await this.#end(kind, id, limitMs);
    await this.#ports.removeOthers({ kind, id }, []);
  }

  async #remove(kind: MachineKind, id: string): Promise<void> {
    await this.#halt(kind, id, 0);
    const { state, run } = this.#pathsOf(kind, id);
    for (const path of [state, run]) await this.#context.host.files.remove(path);
  }

  #end(kind: MachineKind, id: string, limitMs: number): Promise<void> {
    return this.#ending.end(this.#nameOf(kind, id), this.#pathsOf(kind, id).xml, limitMs);
  }

  async #pausedNames(): Promise<ReadonlySet<string>> {
    const { clock, log } = this.#context.host;
    if (clock.monotonicMs() < this.#nonePausedUntilMs) return new Set();
    const names = await this.#libvirtd
      .ensure()
      .then(() => this.#virsh.pausedNames())
      .catch((error: unknown) => {
        log.warn('libvirtd cannot be asked which machines stand still', { error });
        return [];
      });
    // A pause is never remembered: each start and each move pauses a domain for a moment.
    if (names.length === 0) this.#nonePausedUntilMs = clock.monotonicMs() + nonePausedForMs;
    return new Set(names);
  }

  #explained(error: unknown, kind: MachineKind, id: string, step: 'start' | 'move'): unknown {
    const isTold = error instanceof CommandError || error instanceof LibvirtdDownError;
    if (!isTold) return error;
    const detail = error instanceof CommandError ? error.stderr.trim() : error.message;
    const message = `${nouns[kind]} ${id}: libvirt did not ${step} it: ${detail}`;
    return new HostAgentError('failed', message, { cause: error, detail });
  }
}
