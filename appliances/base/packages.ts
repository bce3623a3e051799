/** Programs that every appliance with a root partition has. */
export const basePackages: readonly string[] = [
  'busybox-static',
  'ca-certificates',
  'conntrack',
  'e2fsprogs',
  'fdisk',
  'iproute2',
  'iptables',
  'iputils-ping',
  'kmod',
  'libstdc++6',
  'netbase',
  'procps',
  'runit',
  'util-linux',
];

/**
 * Of use when packages are installed, upgraded or configured, which an image never is; the boot loader's programs run
 * where images are built.
 */
export const installersOnly: readonly string[] = [
  'adduser',
  'base-files',
  'cdebconf',
  'debconf',
  'debianutils',
  'dpkg',
  'grub-common',
  'init-system-helpers',
  'initramfs-tools',
  'install-info',
  'libpam-modules',
  'libpam-modules-bin',
  'libpam-runtime',
  'linux-base',
  'linux-initramfs-tool',
  'login',
  'logsave',
  'lsb-base',
  'openssl',
  'passwd',
  'perl',
  'perl-base',
  'python3',
  'runit-helper',
  'sensible-utils',
  'sysuser-helper',
  'tar',
  'ucf',
  'usr-is-merged',
  'usrmerge',
  'util-linux-extra',
];

/** What `--debug` adds. */
export const debugPackages: readonly string[] = ['openssh-server', 'tcpdump', 'strace'];
