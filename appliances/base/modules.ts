import type { KernelModules } from '../manifest.ts';

/** Disks, CD-ROM and file systems that a root or a config drive is found on, for QEMU, VMware, Hyper-V and Xen. */
export const diskModules: KernelModules = [
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_scsi',
  'vmw_pvscsi',
  'hv_storvsc',
  'xen_blkfront',
  'ata_piix',
  'sd_mod',
  'sr_mod',
  'erofs',
  'isofs',
  'overlay',
];

/** NICs of the same hypervisors, and how they speak to a guest: random numbers, memory, the power button. */
export const nicModules: KernelModules = [
  'virtio_net',
  'vmxnet3',
  'hv_netvsc',
  'xen_netfront',
  'virtio_rng',
  'virtio_console',
  'virtio_balloon',
  'hv_utils',
  'button',
  'evdev',
];

/** Packet filter, address translation and connection tracking. */
export const filterModules: KernelModules = [
  'net/netfilter/',
  'net/ipv4/netfilter/',
  'net/ipv6/netfilter/',
  'nf_conntrack',
  'dummy',
  'ifb',
  '8021q',
];
