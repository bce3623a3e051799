// What tests of templates start from. Tests alone import this.
import fc from 'fast-check';
import type { Template } from './template.ts';
import { literal, packer, user } from './text.ts';

const common = {
  communicator: 'none',
  iso_url: user('iso'),
  iso_checksum: user('iso_checksum'),
  vm_name: literal('appliance'),
  headless: true,
  cpus: 1,
  memory: literal('512'),
  boot_wait: '1s',
} as const;

/** A template with every builder, provisioner and post-processor. */
export const everything: Template = {
  description: 'Everything {{ at once }}',
  minimumVersion: '1.6.0',
  variables: { iso: null, iso_checksum: 'none', output: 'out' },
  builders: [
    {
      ...common,
      type: 'qemu',
      output_directory: packer`${user('output')}/qemu`,
      shutdown_timeout: literal('30m'),
      accelerator: literal('tcg'),
      disk_size: literal('1024M'),
      format: 'qcow2',
      disk_compression: true,
      net_device: 'virtio-net',
      qemuargs: [[literal('-serial'), packer`file:${user('output')}/serial.log`]],
    },
    {
      ...common,
      type: 'virtualbox-iso',
      output_directory: packer`${user('output')}/virtualbox`,
      disable_shutdown: true,
      shutdown_timeout: literal('30m'),
      virtualbox_version_file: '',
      guest_additions_mode: 'disable',
      guest_os_type: 'Debian_64',
      disk_size: literal('1024'),
      hard_drive_interface: 'sata',
      format: 'ova',
    },
    {
      ...common,
      type: 'vmware-iso',
      output_directory: packer`${user('output')}/vmware`,
      guest_os_type: 'debian10-64',
      disk_size: literal('1024'),
      disk_adapter_type: 'pvscsi',
      vmx_data: { 'serial0.present': literal('TRUE') },
    },
    {
      ...common,
      type: 'hyperv-iso',
      output_directory: packer`${user('output')}/hyper-v`,
      generation: 2,
      enable_secure_boot: false,
      disk_size: literal('1024'),
      switch_name: literal('Default Switch'),
    },
  ],
  provisioners: [{ type: 'shell-local', inline: [literal('true')], only: ['hyperv-iso'] }],
  postProcessors: [
    [
      { type: 'shell-local', inline: [packer`test -d ${user('output')}`], only: ['qemu'] },
      { type: 'artifice', files: [packer`${user('output')}/qemu/appliance`] },
      { type: 'checksum', checksum_types: ['sha256'], output: packer`${user('output')}/SHA256SUMS` },
    ],
  ],
};

/** Printable characters, many of them such that Go's templates, JSON or a shell look at them. */
export const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom('{', '}', '`', '"', "'", '\\', '$', '.', '-', 'user'),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
  maxLength: 24,
});
