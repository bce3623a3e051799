// A VM as libvirt's domain XML says it (https://libvirt.org/formatdomain.html): rendered from a model, pure.
import type { Machine } from '@isthmus/contract';
import { element, renderXml, type XmlElement } from './xml.ts';

/** What QEMU runs guests with. */
export type Accelerator = 'kvm' | 'tcg';

/** Namespace of the element in a domain's metadata that says whose it is. */
const metadataNamespace = 'urn:isthmus:machine';

/** A NIC: the tap device `port` of the host, which is there before the domain. */
export interface DomainNic {
  readonly port: string;
  readonly macAddress: string;
  /** What the guest is told (virtio's host_mtu); without it the usual one. */
  readonly mtu?: number;
}

/** A VM. Paths are absolute. `id` is the machine's, `hash` that of what cannot be changed while it runs. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  readonly id: string;
  readonly hash: string;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly kernel: { readonly kernel: string; readonly initrd: string; readonly commandLine: string } | null;
  /** An overlay in qcow2 over `base`, which nobody writes to. */
  readonly disk: { readonly path: string; readonly base: string; readonly baseFormat: Machine['image']['format'] };
  readonly nics: readonly DomainNic[];
  /** A CD-ROM drive, with the image at this path or empty; undefined: none. */
  readonly cdrom?: string | null;
  /** `uid:gid` of QEMU's process. */
  readonly owner: string;
  readonly consoles: { readonly serial: string; readonly serialLog: string; readonly vnc: string };
  /** What its VNC server asks for, at most 8 characters (RFC 6143, 7.2.2). libvirt hands it to QEMU over QMP. */
  readonly vncPassword: string;
}

/** Name of the CD-ROM drive in a domain. */
const cdromTarget = 'hda';

/**
 * libvirt would give QEMU's user every file that QEMU opens, also images and kernels, which are many machines': one guest
 * that breaks out of QEMU could write into all others. So it changes no owner, and the driver gives away what is the
 * machine's own.
 */
function keepOwners(owner: string): XmlElement {
  const [user = '', group = ''] = owner.split(':');
  return element('seclabel', { type: 'static', model: 'dac', relabel: 'no' }, [
    element('label', {}, [`+${user}:+${group}`]),
  ]);
}

function diskElement({ path, base, baseFormat }: Domain['disk']): XmlElement {
  return element('disk', { type: 'file', device: 'disk' }, [
    // A full disk stops the guest instead of telling it of a broken one; any other error is the guest's to know.
    element('driver', { name: 'qemu', type: 'qcow2', error_policy: 'enospace', discard: 'unmap' }),
    element('source', { file: path }),
    element('backingStore', { type: 'file' }, [
      element('format', { type: baseFormat }),
      element('source', { file: base }),
      // The chain ends here, whatever the image says.
      element('backingStore'),
    ]),
    element('target', { dev: 'vda', bus: 'virtio' }),
  ]);
}

function cdromElement(path: string | null): XmlElement {
  return element('disk', { type: 'file', device: 'cdrom' }, [
    element('driver', { name: 'qemu', type: 'raw' }),
    ...(path === null ? [] : [element('source', { file: path })]),
    element('target', { dev: cdromTarget, bus: 'ide' }),
    element('readonly'),
  ]);
}

function nicElement({ port, macAddress, mtu }: DomainNic): XmlElement {
  return element('interface', { type: 'ethernet' }, [
    element('mac', { address: macAddress }),
    element('target', { dev: port, managed: 'no' }),
    element('model', { type: 'virtio' }),
    ...(mtu === undefined ? [] : [element('mtu', { size: String(mtu) })]),
  ]);
}

/**
 * The command line of a kernel that QEMU starts itself in this machine. Where interrupts of PCI devices go is in ACPI a
 * program that Linux runs for each device, 0.13 s each under emulation; the BIOS has a table of it as well (MP table).
 */
export function kernelWords(commandLine: string, accelerator: Accelerator): string {
  return accelerator === 'tcg' ? `${commandLine} acpi=noirq` : commandLine;
}

function osElement({ kernel, accelerator }: Domain): XmlElement {
  return element('os', {}, [
    element('type', { arch: 'x86_64', machine: 'pc' }, ['hvm']),
    ...(kernel === null
      ? [element('boot', { dev: 'hd' })]
      : [
          element('kernel', {}, [kernel.kernel]),
          element('initrd', {}, [kernel.initrd]),
          element('cmdline', {}, [kernelWords(kernel.commandLine, accelerator)]),
        ]),
  ]);
}

function deviceElements({ disk, cdrom, nics, consoles, vncPassword }: Domain): XmlElement[] {
  return [
    diskElement(disk),
    ...(cdrom === undefined ? [] : [cdromElement(cdrom)]),
    ...nics.map(nicElement),
    element('serial', { type: 'unix' }, [
      element('source', { mode: 'bind', path: consoles.serial }),
      element('log', { file: consoles.serialLog, append: 'on' }),
      element('target', { port: 0 }),
    ]),
    element('graphics', { type: 'vnc', passwd: vncPassword }, [
      element('listen', { type: 'socket', socket: consoles.vnc }),
    ]),
    element('video', {}, [element('model', { type: 'vga' })]),
    element('rng', { model: 'virtio' }, [element('backend', { model: 'random' }, ['/dev/urandom'])]),
    element('controller', { type: 'usb', model: 'none' }),
    element('memballoon', { model: 'none' }),
  ];
}

/** Text of the domain XML. Throws RangeError where a text of the model has control characters. */
export function renderDomain(domain: Domain): string {
  const { name, uuid, id, hash, accelerator, cpus, memoryBytes, owner } = domain;
  const isKvm = accelerator === 'kvm';
  return renderXml(
    element('domain', { type: isKvm ? 'kvm' : 'qemu' }, [
      element('name', {}, [name]),
      element('uuid', {}, [uuid]),
      element('metadata', {}, [element('isthmus:machine', { 'xmlns:isthmus': metadataNamespace, id, hash })]),
      element('memory', { unit: 'KiB' }, [String(Math.ceil(memoryBytes / 1024))]),
      element('vcpu', {}, [String(cpus)]),
      osElement(domain),
      element('features', {}, [element('acpi'), element('apic')]),
      // All that the processor, or QEMU's emulation of one, can do: what the accelerator was probed with (accelerator.ts).
      element('cpu', { mode: isKvm ? 'host-passthrough' : 'maximum' }),
      element('clock', { offset: 'utc' }),
      element('on_poweroff', {}, ['destroy']),
      element('on_reboot', {}, ['restart']),
      element('on_crash', {}, ['destroy']),
      element('devices', {}, deviceElements(domain)),
      keepOwners(owner),
    ]),
  );
}

/** Text of one NIC, for `virsh attach-device`. */
export function renderNic(nic: DomainNic): string {
  return renderXml(nicElement(nic));
}
