// What the host agent asks of a driver: to make, wire, start, stop and remove machines. A driver knows nothing of routers.
// Every call may be repeated, and finishes what a killed one began.
import type {
  ApplianceSpec,
  ControlNic,
  DriverName,
  InstanceSpec,
  MigrationDestination,
  MigrationStream,
  Nic,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { SegmentBridges } from '../wiring/segment-bridges.ts';

/**
 * What a driver is made with. `state` survives a reboot of the machine, `run` need not; both absolute. `bridges` are
 * opened, healed and removed by the host agent: a driver ensures the one that it is about to plug a machine into.
 */
export interface DriverContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly bridges: SegmentBridges;
}

/** A machine that should run, as this host has it. */
interface Known<Spec> {
  readonly id: string;
  readonly spec: Spec;
}

/**
 * What a VM needs besides its spec: its NIC on the control network, whose bridge `controlBridge` is there, and the
 * absolute path of the ISO image to insert (null: none).
 */
export interface ApplianceExtras {
  readonly control: ControlNic;
  readonly controlBridge: string;
  readonly configDrive: string | null;
}

/** Where a VM's consoles listen: absolute paths of Unix sockets. */
export interface Consoles {
  /** RFB (VNC), as QEMU serves it. */
  readonly vnc: string;
  /** The first serial port, both ways. It takes one client at a time. */
  readonly serial: string;
  /** File of what the first serial port wrote; what it wrote before that is in the file of that name with `.0`. */
  readonly serialLog: string;
}

/** Whether an instance runs on this host; `waiting`: it is there and stands still, as one that is on its way. */
export type Presence = 'running' | 'waiting' | 'absent';

/** What both drivers do. */
export interface Driver {
  readonly name: DriverName;
  /** Before any other call: brings port security into force for exactly those that should run. */
  open(known: {
    readonly appliances: readonly Known<ApplianceSpec>[];
    readonly instances: readonly Known<InstanceSpec>[];
  }): Promise<void>;
  /** Makes what is absent of an instance and starts it; it is adopted where it runs. */
  ensureInstance(id: string, spec: InstanceSpec): Promise<void>;
  /** Changes a running instance to another spec as far as it can be done without a restart; the rest by one. */
  changeInstance(id: string, before: InstanceSpec, after: InstanceSpec): Promise<void>;
  /** Ends it; its disk stays. Resolves when it is known not to run. */
  haltInstance(id: string): Promise<void>;
  /** Ends it and removes all that it had. */
  removeInstance(id: string): Promise<void>;
  /** The address that DHCP gave to the instance, where the host can know it. */
  leasedAddress(id: string, spec: InstanceSpec): Promise<string | null>;
  /**
   * Of those that should run, the ones that do not, or not whole, such as a domain whose QEMU was killed, or a lost port.
   * Cheap: it is asked every two seconds.
   */
  broken(
    kind: 'appliance' | 'instance',
    machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[],
  ): Promise<string[]>;
  /** The last lines that a VM wrote on its serial console; '' where there are none. */
  serialTail(kind: 'appliance' | 'instance', id: string): Promise<string>;
  /** Mends port security that someone else flushed. */
  healPacketFilters(): Promise<void>;
  /** Removes everything that this installation has on the host, known to records or not, besides bridges. */
  removeEverything(): Promise<void>;
}

/** A driver whose appliances are machines of their own, with their agent inside. */
export interface VirtualMachineDriver extends Driver {
  readonly name: 'libvirt';
  /** What a probe that booted something found. */
  readonly accelerator: 'kvm' | 'tcg';
  /** Makes what is absent of an appliance's domain, disk and NICs, and starts it; it is adopted where it runs. */
  ensureAppliance(id: string, spec: ApplianceSpec, extras: ApplianceExtras): Promise<void>;
  /** Brings the NICs of a running appliance to those of `spec` without a restart. */
  changeAppliance(id: string, before: ApplianceSpec, after: ApplianceSpec, extras: ApplianceExtras): Promise<void>;
  /** Ends it; its disk with its state partition stays. Resolves when it is known not to run. */
  haltAppliance(id: string): Promise<void>;
  /** Ends it and removes its disk. */
  removeAppliance(id: string): Promise<void>;
  /** Takes the config drive out of the appliance's CD-ROM drive. No error where none is in. */
  ejectConfigDrive(id: string): Promise<void>;
  consoles(kind: 'appliance' | 'instance', id: string): Consoles;
  /** What the VNC server of a machine that runs asks for; null: nothing. Throws HostAgentError (`failed`). */
  vncPassword(kind: 'appliance' | 'instance', id: string): Promise<string | null>;
  /** Moves a running instance and its disk to another host, whose driver's `receiveInstance` was called before. */
  migrateInstance(id: string, destination: MigrationDestination): Promise<void>;
  /**
   * Makes what an instance needs before it comes from another host. Answers with the Unix socket that each stream of the
   * move leads to. `ensureInstance` adopts it once it is here; `removeInstance` removes all where it does not come.
   */
  receiveInstance(id: string, spec: InstanceSpec): Promise<Readonly<Record<MigrationStream, string>>>;
  instancePresence(id: string): Promise<Presence>;
}
