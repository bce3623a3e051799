// Builders that boot a CD-ROM on a new, empty disk and wait until the machine has switched itself off. Members have
// Packer's own names; https://www.packer.io/docs/builders of Packer 1.6.
import type { PackerText } from './text.ts';

/** What all of them have. Sizes of memory and disks in MB; `shutdown_timeout` as Go writes durations, such as `30m`. */
interface IsoBuilder {
  /** Packer's own name of the builder where the template has two of a type. */
  readonly name?: string;
  readonly iso_url: PackerText;
  /** `sha256:…`, `file:PATH` of a list of checksums, or `none`. */
  readonly iso_checksum: PackerText;
  /** Folder that must not be there yet. */
  readonly output_directory: PackerText;
  readonly vm_name: PackerText;
  readonly headless: boolean;
}

/** QEMU. `disk_size` with its unit, such as `1024M`. `qemuargs` take the place of arguments of the same name. */
export interface QemuBuilder extends IsoBuilder {
  readonly type: 'qemu';
  readonly communicator: 'none';
  readonly shutdown_timeout: PackerText;
  readonly accelerator: PackerText;
  readonly cpus: number;
  readonly memory: PackerText;
  readonly disk_size: PackerText;
  readonly format: 'raw' | 'qcow2';
  readonly disk_compression?: boolean;
  readonly net_device: string;
  readonly boot_wait: string;
  readonly qemuargs?: readonly (readonly PackerText[])[];
}

/** VirtualBox. `virtualbox_version_file` is empty, since nothing is copied into the machine. */
export interface VirtualBoxIsoBuilder extends IsoBuilder {
  readonly type: 'virtualbox-iso';
  readonly communicator: 'none';
  readonly disable_shutdown: true;
  readonly shutdown_timeout: PackerText;
  readonly virtualbox_version_file: '';
  readonly guest_additions_mode: 'disable';
  readonly guest_os_type: string;
  readonly cpus: number;
  readonly memory: PackerText;
  readonly disk_size: PackerText;
  readonly hard_drive_interface: 'sata' | 'scsi';
  readonly format: 'ovf' | 'ova';
  readonly boot_wait: string;
}

/** VMware Workstation, Player, Fusion. Packer 1.6 stops the machine by itself as soon as the provisioners are done. */
export interface VmwareIsoBuilder extends IsoBuilder {
  readonly type: 'vmware-iso';
  readonly communicator: 'none';
  readonly guest_os_type: string;
  readonly cpus: number;
  readonly memory: PackerText;
  readonly disk_size: PackerText;
  readonly disk_adapter_type: 'lsilogic' | 'pvscsi';
  readonly boot_wait: string;
  readonly vmx_data?: Readonly<Record<string, PackerText>>;
}

/** Hyper-V. Packer 1.6 stops the machine by itself as soon as the provisioners are done. */
export interface HypervIsoBuilder extends IsoBuilder {
  readonly type: 'hyperv-iso';
  readonly communicator: 'none';
  readonly generation: 1 | 2;
  readonly enable_secure_boot: boolean;
  readonly cpus: number;
  readonly memory: PackerText;
  readonly disk_size: PackerText;
  readonly switch_name: PackerText;
  readonly boot_wait: string;
}

export type Builder = QemuBuilder | VirtualBoxIsoBuilder | VmwareIsoBuilder | HypervIsoBuilder;
