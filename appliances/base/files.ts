import type { ImageText } from '../manifest.ts';

/** Files of every image with a root partition. */
export const baseFiles: readonly ImageText[] = [
  { path: '/etc/hosts', text: '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' },
  { path: '/etc/hostname', text: 'isthmus\n' },
  { path: '/etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' },
  { path: '/etc/host.conf', text: 'multi on\n' },
  { path: '/etc/shells', text: '/bin/sh\n' },
  { path: '/etc/inittab', asset: 'base/boot/inittab' },
  { path: '/etc/acpi/PWRF/00000080', asset: 'base/boot/power-off', mode: 0o755 },
];

/** Mount points and folders of every image with a root partition. */
export const baseFolders: readonly string[] = [
  '/dev',
  '/home',
  '/mnt',
  '/media',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/tmp',
  '/usr/lib/isthmus',
  '/var/lib/isthmus',
];

/** What is written while an appliance runs lies on the state partition or in memory, never on the root. */
export const baseLinks: Readonly<Record<string, string>> = {
  '/etc/mtab': '/proc/self/mounts',
  '/etc/resolv.conf': '/run/resolv.conf',
  '/var/lock': '/run/lock',
  '/var/run': '/run',
  '/var/tmp': '/tmp',
};

/** Left out of every image: texts for people, translations, what only an installation needs. */
export const baseStrip: readonly string[] = [
  '/boot/',
  '/etc/apt/',
  '/etc/init.d/',
  '/etc/rc0.d/',
  '/etc/cron.d/',
  '/etc/cron.daily/',
  '/etc/default/',
  '/etc/kernel/',
  '/etc/initramfs-tools/',
  '/etc/logrotate.d/',
  '/etc/machine-id',
  '/etc/ld.so.cache',
  '/lib/systemd/',
  '/usr/games/',
  '/usr/include/',
  '/usr/lib/systemd/',
  '/usr/lib/tmpfiles.d/',
  '/usr/lib/sysusers.d/',
  '/usr/share/bash-completion/',
  '/usr/share/bug/',
  '/usr/share/doc-base/',
  '/usr/share/info/',
  '/usr/share/initramfs-tools/',
  '/usr/share/lintian/',
  '/usr/share/locale/',
  '/usr/share/man/',
  '/usr/share/menu/',
  '/usr/share/perl/',
  '/usr/share/perl5/',
  '/usr/share/pixmaps/',
  '/usr/share/zsh/',
  '/usr/bin/su',
  '/var/cache/',
  '/var/lib/apt/',
  '/var/lib/dpkg/',
  '/var/log/',
];
